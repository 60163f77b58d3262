// @clerk/backend: the backend API through its resources, and every way to authenticate a request.

import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { createClerkClient, verifyToken } from '@clerk/backend';
import { getCookieSuffix } from '@clerk/shared/keys';
import {
  backend, check, later, origin, part, publishableKey, report, secretKey, sidecar, signIn,
  ticketFor, withClaims,
} from './support.mjs';

const options = { secretKey, publishableKey, apiUrl: sidecar, telemetry: { disabled: true } };
const clerk = createClerkClient(options);
const [jwk] = (await backend('GET', '/jwks')).keys;
const jwtKey = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
const networkless = createClerkClient({ ...options, apiUrl: 'http://127.0.0.1:9', jwtKey });
const suffix = await getCookieSuffix(publishableKey);
const ada = await signIn('backend_ada');
const token = await ada.token();

const page = 'http://app.example.com/page';
const withHeader = (text, more = {}) =>
  new Request(page, { headers: { authorization: `Bearer ${text}`, ...more } });
const withCookies = (cookies, more = {}) => {
  const cookie = Object.entries(cookies).map(pair => pair.join('=')).join('; ');
  return new Request(page, { headers: { cookie, ...more } });
};
const uat = () => Object.fromEntries(ada.cookies.slice(1).map(cookie => cookie.split('=')));
const signedIn = (state, from) => {
  assert.equal(state.status, 'signed-in', `${from}: ${state.reason} ${state.message}`);
  const { userId, sessionId } = state.toAuth();
  assert.deepEqual([userId, sessionId], ['backend_ada', ada.sessionId]);
};
const signedOut = (state, reason) => assert.deepEqual([state.status, state.reason], ['signed-out', reason]);

function forge(header, claims) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const text = [header, claims].map(x => Buffer.from(JSON.stringify(x)).toString('base64url')).join('.');
  return `${text}.${sign('sha256', Buffer.from(text), createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }))).toString('base64url')}`;
}

// Resources

check('a user is created and read back', async () => {
  const made = await clerk.users.createUser({ externalId: 'ext_1', username: 'grace', firstName: 'Grace', publicMetadata: { plan: 'pro' } });
  const read = await clerk.users.getUser(made.id);
  assert.deepEqual(
    [read.externalId, read.username, read.firstName, read.publicMetadata],
    ['ext_1', 'grace', 'Grace', { plan: 'pro' }],
  );
  assert.ok(Math.abs(read.createdAt - Date.now()) < 60_000);
});
check('a user is changed', async () => {
  const changed = await clerk.users.updateUser('backend_ada', { lastName: 'Lovelace' });
  assert.equal(changed.lastName, 'Lovelace');
});
check('an unknown user is a 404 that the SDK can read', async () => {
  await assert.rejects(clerk.users.getUser('nobody'), error => {
    assert.equal(error.status, 404);
    assert.equal(error.errors[0].code, 'resource_not_found');
    assert.match(error.clerkTraceId, /^[0-9a-f]{32}$/);
    return true;
  });
});
check('a wrong secret key is a 401 that the SDK can read', async () => {
  const other = createClerkClient({ ...options, secretKey: 'sk_test_wrong' });
  await assert.rejects(other.users.getUser('backend_ada'), { status: 401 });
});
check('sessions are listed page by page, newest first', async () => {
  const [first, second] = [await signIn('backend_list'), await signIn('backend_list')];
  const pages = [];
  for (const offset of [0, 1]) {
    const { data, totalCount } = await clerk.sessions.getSessionList({ userId: 'backend_list', limit: 1, offset });
    assert.equal(totalCount, 2);
    pages.push(...data.map(session => session.id));
  }
  assert.deepEqual(pages, [second.sessionId, first.sessionId]);
});
check('sessions are listed by client and status', async () => {
  const { data } = await clerk.sessions.getSessionList({ clientId: ada.clientId, status: 'active' });
  assert.deepEqual(data.map(session => session.id), [ada.sessionId]);
});
check('a session is read', async () => {
  const session = await clerk.sessions.getSession(ada.sessionId);
  assert.deepEqual([session.userId, session.status, session.clientId], ['backend_ada', 'active', ada.clientId]);
  assert.ok(session.expireAt > Date.now());
  assert.ok(session.latestActivity.ipAddress);
});
check('a session is revoked and gets no more tokens', async () => {
  const other = await signIn('backend_revoked');
  assert.equal((await clerk.sessions.revokeSession(other.sessionId)).status, 'revoked');
  assert.equal((await clerk.sessions.getSession(other.sessionId)).status, 'revoked');
  assert.equal(await other.token(), undefined);
});
check('a token is minted for a session', async () => {
  const minted = await clerk.sessions.getToken(ada.sessionId);
  assert.equal((await verifyToken(minted.jwt, options)).sid, ada.sessionId);
});
check('a session is started for a user', async () => {
  const session = await clerk.sessions.createSession({ userId: 'backend_ada' });
  assert.deepEqual([session.userId, session.status], ['backend_ada', 'active']);
});
check('a sign-in token is created, and signs in once', async () => {
  const ticket = await clerk.signInTokens.createSignInToken({ userId: 'backend_ada', expiresInSeconds: 60 });
  assert.deepEqual([ticket.userId, ticket.status], ['backend_ada', 'pending']);
  const statuses = [];
  for (let attempt = 0; attempt < 2; attempt++) {
    const body = new URLSearchParams({ strategy: 'ticket', ticket: ticket.token });
    const answer = await fetch(`${sidecar}/v1/client/sign_ins`, { method: 'POST', headers: { origin }, body });
    statuses.push(answer.status);
  }
  assert.deepEqual(statuses, [200, 422]);
});
check('a sign-in token is revoked', async () => {
  const ticket = await clerk.signInTokens.createSignInToken({ userId: 'backend_ada', expiresInSeconds: 60 });
  assert.equal((await clerk.signInTokens.revokeSignInToken(ticket.id)).status, 'revoked');
});

// verifyToken

check('a token is verified by the key set', async () => {
  const claims = await verifyToken(token, { secretKey, apiUrl: sidecar });
  assert.deepEqual([claims.sub, claims.sid, claims.iss, claims.azp], ['backend_ada', ada.sessionId, sidecar, origin]);
});
check('a token is verified by a PEM, without a network', async () => {
  assert.equal((await verifyToken(token, { jwtKey })).sub, 'backend_ada');
});
check('a token of another party is refused', async () => {
  assert.equal((await verifyToken(token, { jwtKey, authorizedParties: [origin] })).sub, 'backend_ada');
  await assert.rejects(verifyToken(token, { jwtKey, authorizedParties: ['https://other.example'] }), { reason: 'token-invalid-authorized-parties' });
});
check('an expired token is refused', () =>
  later(120, () => assert.rejects(verifyToken(token, { jwtKey }), { reason: 'token-expired' })));
check('a token from the future is refused', () =>
  later(-120, () => assert.rejects(verifyToken(token, { jwtKey }), { reason: /^token-(not-active-yet|iat-in-the-future)$/ })));
check('changed claims are refused', () =>
  assert.rejects(verifyToken(withClaims(token, { sub: 'root' }), { jwtKey }), { reason: 'token-invalid-signature' }));
check('a token under a foreign key of the same name is refused', () =>
  assert.rejects(verifyToken(forge(part(token, 0), part(token, 1)), { secretKey, apiUrl: sidecar }), { reason: 'token-invalid-signature' }));
check('a token under an unknown key is refused', () =>
  assert.rejects(verifyToken(forge({ ...part(token, 0), kid: 'other' }, part(token, 1)), { secretKey, apiUrl: sidecar }), { reason: 'jwk-kid-mismatch' }));

// authenticateRequest

for (const [how, client] of [['the key set', clerk], ['a PEM alone', networkless]]) {
  check(`a header is authenticated by ${how}`, async () =>
    signedIn(await client.authenticateRequest(withHeader(token)), how));
  check(`cookies are authenticated by ${how}`, async () =>
    signedIn(await client.authenticateRequest(withCookies({ __session: token, ...uat() })), how));
  check(`suffixed cookies are authenticated by ${how}`, async () =>
    signedIn(await client.authenticateRequest(withCookies({ __session: token, [`__session_${suffix}`]: token, ...uat() })), how));
}
check('the sidecar named the suffixed cookie as the SDK does', () =>
  assert.deepEqual(Object.keys(uat()), ['__client_uat', `__client_uat_${suffix}`]));
check('a token is not older than the change that it came with', () =>
  assert.ok(part(token, 1).iat >= Number(uat().__client_uat)));
check('an authorized party is accepted, another is not', async () => {
  const state = await clerk.authenticateRequest(withHeader(token), { authorizedParties: [origin] });
  signedIn(state, 'header');
  for (const request of [withHeader(token), withCookies({ __session: token, ...uat() })]) {
    signedOut(await clerk.authenticateRequest(request, { authorizedParties: ['https://other.example'] }), 'token-invalid-authorized-parties');
  }
});
check('a token of another issuer in an unsuffixed cookie is passed over for the suffixed one', async () => {
  const foreign = forge(part(token, 0), { ...part(token, 1), iss: 'https://clerk.other.example', sub: 'root' });
  signedIn(await clerk.authenticateRequest(withCookies({ __session: foreign, [`__session_${suffix}`]: token, ...uat() })), 'cookie');
});
check('a forged token of another issuer signs nobody in', async () => {
  const foreign = forge(part(token, 0), { ...part(token, 1), iss: 'https://clerk.other.example' });
  signedOut(await clerk.authenticateRequest(withHeader(foreign)), 'token-invalid-signature');
});
check('an expired token signs nobody in', () =>
  later(120, async () => {
    const bearer = await clerk.authenticateRequest(withHeader(token));
    signedOut(bearer, 'session-token-expired-refresh-non-eligible-no-refresh-cookie');
    const state = await clerk.authenticateRequest(withCookies({ __session: token, ...uat() }, { 'sec-fetch-dest': 'empty' }));
    signedOut(state, 'session-token-expired-refresh-non-eligible-no-refresh-cookie');
  }));
check('changed claims sign nobody in', async () => {
  const changed = withClaims(token, { sub: 'root' });
  signedOut(await clerk.authenticateRequest(withHeader(changed)), 'token-invalid-signature');
  signedOut(await clerk.authenticateRequest(withCookies({ __session: changed, ...uat() })), 'token-invalid-signature');
});
check('who has no token is signed out', async () => {
  signedOut(await networkless.authenticateRequest(new Request(page)), 'session-token-and-uat-missing');
});
check('a signed-out client is signed out', async () => {
  const state = await clerk.authenticateRequest(withCookies({ __client_uat: '0', [`__client_uat_${suffix}`]: '0' }));
  assert.equal(state.status, 'signed-out');
  assert.equal(state.toAuth().userId, null);
});
check('with a key for development the SDK wants its own cookie beside ours', async () => {
  const key = { publishableKey: publishableKey.replace('pk_live_', 'pk_test_') };
  const cookies = { __session: token, ...uat() };
  signedOut(await clerk.authenticateRequest(withCookies(cookies), key), 'dev-browser-missing');
  signedIn(await clerk.authenticateRequest(withCookies({ ...cookies, __clerk_db_jwt: 'x' }), key), 'development');
});
check('a token from before the last change asks for a handshake where there can be one', async () => {
  const after = String(part(token, 1).iat + 1);
  const cookies = { __session: token, __client_uat: after, [`__client_uat_${suffix}`]: after };
  const state = await clerk.authenticateRequest(withCookies(cookies, { 'sec-fetch-dest': 'empty' }));
  signedOut(state, 'session-token-iat-before-client-uat');
});

await report('@clerk/backend');
