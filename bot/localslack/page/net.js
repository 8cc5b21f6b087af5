// Talks to the workspace that served the page.

const meta = (name) => document.querySelector(`meta[name="localslack-${name}"]`).content;
const STALE_AFTER_HIDDEN = 60_000; // ms; browsers allow six connections, and each tab's stream is one

/** A refusal, in words for a person. */
export class Refused extends Error {}

/** The workspace did not answer at all. The stream of changes tells of it, too. */
export class Unreachable extends Error {
  constructor() { super("The workspace does not answer."); }
}

async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch {
    throw new Unreachable();
  }
}

async function answer(response) {
  const body = await response.json();
  if (response.ok) return body;
  throw new Refused(body.error ?? `The workspace answered ${response.status}.`);
}

export async function get(path, query) {
  return answer(await reach(`/local/${path}?${new URLSearchParams(query)}`, { cache: "no-store" }));
}

export async function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-Localslack-Token": meta("token") };
  return answer(await reach(`/local/${path}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** Calls `onChange` when something changed and `onLink(true|false)` when the connection comes or goes. */
export function listen(onChange, onLink) {
  let source = null;
  let retry = 0;
  let hidden = 0;

  function connect() {
    clearTimeout(retry);
    source?.close();
    source = new EventSource("/local/events");
    source.onopen = () => onLink(true);
    source.onmessage = (event) => {
      if (JSON.parse(event.data).run !== meta("run")) location.reload();
      else onChange();
    };
    source.onerror = () => {
      source.close();
      onLink(false);
      retry = setTimeout(connect, 1000);
    };
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    if (document.hidden) {
      hidden = setTimeout(() => { source.close(); source = null; }, STALE_AFTER_HIDDEN);
    } else if (source === null) connect();
    else onChange();
  });
  connect();
}
