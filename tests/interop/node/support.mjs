// What every script needs: named checks with a summary as the last line, and a browser's part.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

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
  return { sessionId, clientId: client.id, cookies, token };
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
