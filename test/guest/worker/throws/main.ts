// A bare app whose module throws.
interface Settings {
  readonly name: string;
}

function read(): Settings {
  throw new Error('these settings cannot be read');
}

const settings = read();

export default {
  fetch: () => new Response(settings.name),
};
