// @clerk/express: its middleware and getAuth around a real server.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { clerkMiddleware, createClerkClient, getAuth } from '@clerk/express';
import express from 'express';
import { check, origin, publishableKey, report, secretKey, sidecar, signIn, withClaims } from './support.mjs';

const options = { secretKey, publishableKey, apiUrl: sidecar, telemetry: { disabled: true } };
const app = express();
app.use(clerkMiddleware({ ...options, clerkClient: createClerkClient(options), authorizedParties: [origin] }));
app.get('/who', (request, response) => {
  const { userId, sessionId, isAuthenticated } = getAuth(request);
  response.status(isAuthenticated ? 200 : 401).json({ userId, sessionId });
});
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}`;

const ada = await signIn('express_ada');
const token = await ada.token();
const cookies = [`__session=${token}`, ...ada.cookies.slice(1)].join('; ');
const who = async headers => {
  const answer = await fetch(`${url}/who`, { headers });
  return [answer.status, await answer.json()];
};
const nobody = [401, { userId: null, sessionId: null }];

check('a header says who it is', async () =>
  assert.deepEqual(await who({ authorization: `Bearer ${token}` }), [200, { userId: 'express_ada', sessionId: ada.sessionId }]));
check('cookies say who it is', async () =>
  assert.deepEqual(await who({ cookie: cookies }), [200, { userId: 'express_ada', sessionId: ada.sessionId }]));
check('without a token it is nobody', async () => assert.deepEqual(await who({}), nobody));
check('changed claims are nobody', async () =>
  assert.deepEqual(await who({ authorization: `Bearer ${withClaims(token, { sub: 'root' })}` }), nobody));
check('a token that another origin asked for is nobody', async () => {
  const own = await signIn('express_own', null);
  assert.deepEqual(await who({ authorization: `Bearer ${await own.token()}` }), nobody);
});
check('cookies from before the last change are nobody', async () => {
  const after = Math.floor(Date.now() / 1000) + 1;
  const changed = cookies.replaceAll(/(__client_uat\w*)=\d+/g, `$1=${after}`);
  assert.notEqual(changed, cookies);
  assert.deepEqual(await who({ cookie: changed }), nobody);
});
check('two accounts are told apart', async () => {
  const grace = await signIn('express_grace');
  const [, { userId }] = await who({ authorization: `Bearer ${await grace.token()}` });
  assert.equal(userId, 'express_grace');
});

await report('@clerk/express');
