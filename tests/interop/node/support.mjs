// What every script needs: named checks with a summary as the last line, and a browser's part.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';

export const sidecar = process.env.SIDECAR_URL;
export const secretKey = process.env.SIDECAR_SECRET_KEY;
export const publishableKey = process.env.SIDECAR_PUBLISHABLE_KEY;
export const origin = process.env.SIDECAR_ORIGIN;

const checks = [];

export function check(statement, run) {
  checks.push({ statement, run });
}

// Runs the checks in their order and prints which of them failed, and why.
export async function report(client) {
  const path = new URL(`./node_modules/${client}/package.json`, import.meta.url);
  const { name, version } = JSON.parse(readFileSync(path, 'utf8'));
  const failed = {};
  for (const { statement, run } of checks) {
    try {
      await run();
    } catch (error) {
      failed[statement] = String(error?.stack ?? error);
    }
  }
  const passed = checks.length - Object.keys(failed).length;
  console.log(JSON.stringify({ client: name, version, checks: checks.length, passed, failed }));
  process.exit(0); // pollers of a client do not end by themselves
}

export async function backend(method, path, body) {
  const answer = await fetch(`${sidecar}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${secretKey}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const content = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(content));
  return content;
}

// Returns a ticket for a user, who is made if need be.
export async function ticketFor(userId) {
  const known = await fetch(`${sidecar}/v1/users/${userId}`, {
    headers: { authorization: `Bearer ${secretKey}` },
  });
  if (known.status === 404) await backend('POST', '/users', { id: userId });
  return (await backend('POST', '/sign_in_tokens', { user_id: userId })).token;
}

// A browser signed in as `userId`: its session, and a way to get tokens for it.
export async function signIn(userId, from = origin) {
  const headers = from ? { origin: from } : { 'sec-fetch-site': 'same-origin' };
  const body = new URLSearchParams({ strategy: 'ticket', ticket: await ticketFor(userId) });
  const signedIn = await fetch(`${sidecar}/v1/client/sign_ins`, { method: 'POST', headers, body });
  const { response, client } = await signedIn.json();
  assert.equal(signedIn.status, 200);
  const cookies = signedIn.headers.getSetCookie().map(cookie => cookie.split(';')[0]);
  const sessionId = response.created_session_id;
  const token = async () => {
    const path = `/v1/client/sessions/${sessionId}/tokens`;
    const options = { method: 'POST', headers: { ...headers, cookie: cookies[0] } };
    return (await (await fetch(sidecar + path, options)).json()).jwt;
  };
  return { sessionId, clientId: client.id, cookies, setCookies: signedIn.headers.getSetCookie(), token };
}

// Runs `run` as if it were `seconds` later.
export async function later(seconds, run) {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
  try {
    return await run();
  } finally {
    Date.now = now;
  }
}

export const part = (token, index) =>
  JSON.parse(Buffer.from(token.split('.')[index], 'base64url').toString());

// `token` with other claims under the same signature.
export function withClaims(token, claims) {
  const [header, , signature] = token.split('.');
  const changed = JSON.stringify({ ...part(token, 1), ...claims });
  return [header, Buffer.from(changed).toString('base64url'), signature].join('.');
}

// A browser that goes from page to page: it keeps cookies (RFC 6265bis, for the path /
// alone) and follows redirects. `answers` has a function for each origin: from a request
// to `{ status, headers, … }`.
export class Browser {
  cookies = new Map();

  constructor(answers) {
    this.answers = answers;
  }

  set(url, line) {
    const [pair, ...attributes] = line.split(';').map(text => text.trim());
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const given = Object.fromEntries(attributes.map(text => text.toLowerCase().split('=')));
    const { hostname, protocol } = new URL(url);
    const domain = given.domain ?? hostname;
    if ('domain' in given && !`.${hostname}`.endsWith(`.${domain}`)) return;
    if ('secure' in given && protocol !== 'https:') return;
    const id = `${name} ${domain} ${'domain' in given}`;
    const ends = 'max-age' in given ? Date.now() + given['max-age'] * 1000 : Infinity;
    if (ends <= Date.now()) this.cookies.delete(id);
    else this.cookies.set(id, { name, value, domain, shared: 'domain' in given, secure: 'secure' in given, ends });
  }

  // What it would send to `url`, by name.
  sent(url) {
    const { hostname, protocol } = new URL(url);
    const all = [...this.cookies.values()].filter(({ domain, shared, secure, ends }) =>
      (shared ? `.${hostname}`.endsWith(`.${domain}`) : hostname === domain) &&
      (!secure || protocol === 'https:') && ends > Date.now());
    return Object.fromEntries(all.map(({ name, value }) => [name, value]));
  }

  // Goes one step: the answer, with `next` where it leads on.
  async step(url, more = {}) {
    const cookie = Object.entries(this.sent(url)).map(pair => pair.join('=')).join('; ');
    const headers = { accept: 'text/html', 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', ...(cookie && { cookie }), ...more };
    const answer = await this.answers[new URL(url).origin](url, headers);
    for (const line of answer.headers.getSetCookie()) this.set(url, line);
    const location = answer.headers.get('location');
    return { ...answer, url, next: location && new URL(location, url).href };
  }

  // Goes to a page and on to where it leads: the last answer, and the `steps` to it.
  async go(url, more = {}) {
    const steps = [];
    for (let next = url; next; next = steps.at(-1).next) {
      assert.ok(steps.length < 20, 'a loop of redirects');
      steps.push(await this.step(next, more));
    }
    return { ...steps.at(-1), steps };
  }
}

// The sidecar as such a browser meets it: at its public URL, and in truth on loopback.
// Not by fetch, which says of itself that it is a script.
export async function atTheSidecar(url, headers) {
  const { pathname, search } = new URL(url);
  const asked = request(sidecar + pathname + search, { headers });
  asked.end();
  const [answered] = await once(asked, 'response');
  const fields = new Headers();
  for (let i = 0; i < answered.rawHeaders.length; i += 2) fields.append(answered.rawHeaders[i], answered.rawHeaders[i + 1]);
  const body = (await answered.toArray()).join('');
  return { status: answered.statusCode, headers: fields, body };
}
