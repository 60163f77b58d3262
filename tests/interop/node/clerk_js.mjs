// @clerk/clerk-js outside of a browser, in native mode. The argument is the name of its package,
// under which package.json has its version; version 5 has an entry of its own for apps.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { backend, check, part, publishableKey, report, sidecar, ticketFor } from './support.mjs';

const packageName = process.argv[2];
const require = createRequire(import.meta.url);
const entry = packageName.endsWith('5') ? `${packageName}/headless` : packageName;

// Each device is a copy of the module: clerk-js has one client per copy.
function makeDevice() {
  for (const path of Object.keys(require.cache)) {
    if (path.includes('clerk-js')) delete require.cache[path];
  }
  const { Clerk } = require(entry);
  const clerk = new Clerk(publishableKey);
  const device = { clerk, token: '', tokens: [], requests: [], statuses: [] };
  const before = clerk.__internal_onBeforeRequest ?? clerk.__unstable__onBeforeRequest;
  const after = clerk.__internal_onAfterResponse ?? clerk.__unstable__onAfterResponse;
  before(async request => {
    request.credentials = 'omit';
    request.url.protocol = 'http:'; // clerk-js always says https, and this is loopback
    request.url.searchParams.append('_is_native', '1');
    request.headers.set('authorization', device.token);
    device.requests.push(`${request.method ?? 'GET'} ${request.url.pathname}`);
  });
  after(async (_, response) => {
    device.statuses.push(response.status);
    const sent = response.headers.get('authorization');
    if (sent) {
      device.token = sent.replace(/^Bearer /, '');
      device.tokens.push(device.token);
    }
  });
  return device;
}

async function loaded() {
  const device = makeDevice();
  await device.clerk.load({ standardBrowser: false, telemetry: false });
  return device;
}

async function signIn({ clerk }, userId) {
  const signIn = await clerk.client.signIn.create({ strategy: 'ticket', ticket: await ticketFor(userId) });
  assert.equal(signIn.status, 'complete');
  await clerk.setActive({ session: signIn.createdSessionId });
  return signIn.createdSessionId;
}

// clerk-js 6 wants a page's address, for a line of its log about where it would go next.
async function signOut({ clerk }, options) {
  globalThis.window = { location: new URL('http://app.example.com/') };
  try {
    await clerk.signOut(() => {}, options);
  } finally {
    delete globalThis.window;
  }
}

const users = ({ clerk }) => clerk.client.sessions.map(session => session.user.id).sort();
const subject = async ({ clerk }, options) => part(await clerk.session.getToken(options), 1).sub;

const device = await loaded();
let first, second;

check('it loads without a session', () => {
  assert.ok(device.clerk.loaded);
  assert.deepEqual([device.clerk.user, device.clerk.session], [null, null]);
  assert.deepEqual(device.statuses.filter(status => status !== 200), []);
});
check('the environment says that a client may hold several sessions', () => {
  const environment = device.clerk.__internal_environment ?? device.clerk.__unstable__environment;
  assert.equal(environment.authConfig.singleSessionMode, false);
  assert.equal(environment.userSettings.signUp.mode, 'restricted');
});
check('a ticket signs in', async () => {
  first = await signIn(device, 'native_ada');
  assert.equal(device.clerk.session.id, first);
  assert.equal(device.clerk.user.id, 'native_ada');
  assert.equal(device.tokens.length, 1);
});
check('a session token is had, and had anew', async () => {
  const [kept, fresh] = [await device.clerk.session.getToken(), await device.clerk.session.getToken({ skipCache: true })];
  for (const token of [kept, fresh]) {
    assert.deepEqual([part(token, 1).sub, part(token, 1).sid, part(token, 1).iss], ['native_ada', first, sidecar]);
  }
});
check('a refresh brings no other client token', async () => {
  const { length } = device.tokens;
  await device.clerk.session.getToken({ skipCache: true });
  assert.equal(device.tokens.length, length);
});
check('a used ticket is an error that can be read', async () => {
  const ticket = await ticketFor('native_ada');
  const other = await loaded();
  await other.clerk.client.signIn.create({ strategy: 'ticket', ticket });
  await assert.rejects(device.clerk.client.signIn.create({ strategy: 'ticket', ticket }), error => {
    assert.deepEqual([error.status, error.errors[0].code], [422, 'ticket_used']);
    return true;
  });
});
check('a second account signs in beside the first', async () => {
  second = await signIn(device, 'native_grace');
  assert.deepEqual(users(device), ['native_ada', 'native_grace']);
  assert.equal(await subject(device), 'native_grace');
});
check('the accounts are switched back and forth', async () => {
  for (const [session, user] of [[first, 'native_ada'], [second, 'native_grace'], [first, 'native_ada']]) {
    await device.clerk.setActive({ session });
    assert.equal(device.clerk.user.id, user);
    assert.equal(await subject(device), user);
    assert.equal(await subject(device, { skipCache: true }), user);
  }
});
check('a restarted app finds its sessions by its token', async () => {
  const again = makeDevice();
  again.token = device.token;
  await again.clerk.load({ standardBrowser: false, telemetry: false });
  assert.deepEqual(users(again), ['native_ada', 'native_grace']);
  assert.equal(again.clerk.session.id, first);
});
check('the client is read again', async () => {
  await device.clerk.client.reload?.();
  assert.equal(device.clerk.client.lastActiveSessionId, first);
});
check('a session is touched', async () => {
  const before = device.clerk.session.lastActiveAt;
  await device.clerk.session.touch();
  assert.ok(device.clerk.session.lastActiveAt >= before);
});
check('a session that is ended is gone, the other stays', async () => {
  await device.clerk.session.end();
  assert.deepEqual(users(device), ['native_grace']);
  assert.equal((await backend('GET', `/sessions/${first}`)).status, 'ended');
});
check('a session that is removed is gone', async () => {
  const added = await signIn(device, 'native_joan');
  await device.clerk.client.sessions.find(session => session.id === added).remove();
  assert.deepEqual(users(device), ['native_grace']);
  assert.equal((await backend('GET', `/sessions/${added}`)).status, 'removed');
});
check('one of two accounts signs out', async () => {
  const added = await signIn(device, 'native_joan');
  await signOut(device, { sessionId: added });
  assert.deepEqual(users(device), ['native_grace']);
  await device.clerk.setActive({ session: second });
  assert.equal(await subject(device, { skipCache: true }), 'native_grace');
});
check('a revocation is noticed by the next refresh', async () => {
  const added = await signIn(device, 'native_revoked');
  await backend('POST', `/sessions/${added}/revoke`);
  const { length } = device.statuses;
  await device.clerk.session.getToken({ skipCache: true }).catch(error => error);
  await until(() => device.clerk.session?.id !== added);
  assert.equal(device.statuses[length], 401);
  assert.deepEqual(users(device), ['native_grace']);
});
check('all accounts sign out at once', async () => {
  await device.clerk.setActive({ session: second });
  await signIn(device, 'native_joan');
  await signOut(device);
  assert.deepEqual([device.clerk.user, device.clerk.session], [null, null]);
  assert.equal((await backend('GET', `/sessions/${second}`)).status, 'removed');
  assert.ok(device.requests.some(request => request.endsWith('/v1/client/sessions')));
});
check('after it the app signs in again on the same client', async () => {
  const before = device.clerk.client.id;
  await signIn(device, 'native_ada');
  assert.deepEqual([device.clerk.client.id, await subject(device)], [before, 'native_ada']);
});
check('a client is destroyed, and its token is worth nothing', async () => {
  const { token } = device;
  await device.clerk.client.destroy();
  const again = makeDevice();
  again.token = token;
  await again.clerk.load({ standardBrowser: false, telemetry: false });
  assert.equal(again.clerk.session, null);
});
check('a client is created before any session', async () => {
  const other = await loaded();
  await other.clerk.client.create();
  assert.match(other.clerk.client.id, /^client_/);
  assert.equal(other.tokens.length, 1);
});
check('no answer was a fault of the sidecar', () =>
  assert.deepEqual(device.statuses.filter(status => status >= 500), []));

async function until(isSo) {
  for (const end = Date.now() + 10_000; !isSo(); ) {
    assert.ok(Date.now() < end, 'it did not come to that within 10 seconds');
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

await report(packageName);
