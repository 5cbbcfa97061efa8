// The same answer as ../http.mjs gives, by a bare app.
export default {
  fetch(): Response {
    return new Response('hello\n', { headers: { 'content-type': 'text/plain' } });
  },
};
