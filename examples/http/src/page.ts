import type { Fact } from './facts.ts';

const style = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { margin: 0; min-height: 100vh; display: grid; place-content: center; gap: 1.5rem; padding: 1rem;
    background: light-dark(#faf9f7, #16181d); color: light-dark(#22252b, #e6e4df); }
  h1 { margin: 0; font-size: clamp(1.8rem, 6vw, 3rem); line-height: 1.15; letter-spacing: -0.02em; }
  h1 em { font-style: normal; color: light-dark(#b4470f, #ff9d5c); }
  p { margin: 0; max-width: 36rem; }
  dl { margin: 0; display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1.25rem; }
  dt { opacity: 0.6; } dd { margin: 0; font-variant-numeric: tabular-nums; }
`;

/**
 * Renders the page.
 *
 * @param facts what it tells
 */
export function renderPage(facts: readonly Fact[]): string {
  const rows = facts
    .map(([label, value]) => `<dt>${escapeText(label)}<dd>${escapeText(value)}`)
    .join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Runtime.JS</title>
<style>${style}</style>
<h1>This app <em>is</em> the operating system.</h1>
<p>The page came from <code>node:http</code>, through a TCP/IP stack and a network driver, all of them
in TypeScript.</p>
<dl>
${rows}
</dl>
</html>
`;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
