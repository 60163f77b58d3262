// @clerk/backend: pages whose tokens are over, signed in again by a handshake or a refresh token.
//
// The browser believes in the sidecar's public URL, which is https. `production` is how the
// sidecar and the publishable key are set up; without it both are for development.

import assert from 'node:assert/strict';
import { createClerkClient } from '@clerk/backend';
import { getCookieSuffix } from '@clerk/shared/keys';
import {
  atTheSidecar, backend, Browser, check, later, origin, part, publishableKey, report, secretKey,
  sidecar, signIn,
} from './support.mjs';

const production = process.argv[2] === 'production';
const publicUrl = process.env.SIDECAR_PUBLIC_URL;
const elsewhere = process.env.SIDECAR_OTHER_ORIGIN;
const options = { secretKey, publishableKey, apiUrl: sidecar, telemetry: { disabled: true } };
const clerk = createClerkClient(options);
const suffix = await getCookieSuffix(publishableKey);
const page = `${origin}/page?tab=1#top`;
// A token of 30 seconds is over by then, with the SDK's 5 of leeway, and one of 60 is not.
const AFTER = 45;

// The app's server: it does what the SDK says, and answers with what the SDK knows.
const app = more => async (url, headers) => {
  const state = await clerk.authenticateRequest(new Request(url, { headers }), more);
  return { status: state.headers.get('location') ? 307 : 200, headers: state.headers, state };
};
const browse = (more = {}) => new Browser({
  [publicUrl]: atTheSidecar, [origin]: app(), ...(elsewhere && { [elsewhere]: app() }), ...more,
});

let users = 0;
// A browser signed in at the sidecar whose app has seen nothing yet but, if its domain is
// shared, when that was.
async function visitor(more) {
  const browser = browse(more);
  const signedIn = await signIn(`handshake_${++users}${production}`, origin);
  for (const line of signedIn.setCookies) browser.set(publicUrl, line);
  return { browser, ...signedIn };
}

const shortToken = async sessionId =>
  (await backend('POST', `/sessions/${sessionId}/tokens`, { expires_in_seconds: 30 })).jwt;
const secure = production ? '; Secure' : '';
const give = (browser, name, value, url = origin) =>
  browser.set(url, `${name}=${value}; Path=/; Max-Age=999${secure}`);
// What the sidecar has told the app already, where it can, is not told twice.
const tell = (browser, name, token) =>
  browser.sent(origin)[name] ?? give(browser, name, part(token, 1).iat);

// The same, with an expired token at the app, and what tells since when it is signed in.
async function returning(more) {
  const all = await visitor(more);
  const token = await shortToken(all.sessionId);
  give(all.browser, '__session', token);
  tell(all.browser, '__client_uat', token);
  if (!production) give(all.browser, '__clerk_db_jwt', 'x');
  return { ...all, expired: token };
}

const handshakes = steps => steps.filter(({ url }) => new URL(url).pathname === '/v1/client/handshake');
const reasons = steps => handshakes(steps).map(({ url }) => new URL(url).searchParams.get('__clerk_hs_reason'));
const isSignedIn = ({ state, status }, sessionId) => {
  assert.deepEqual([status, state.status, state.reason], [200, 'signed-in', null]);
  assert.equal(state.toAuth().sessionId, sessionId);
};
const isSignedOut = ({ state, status }) =>
  assert.deepEqual([status, state.status], [200, 'signed-out'], state.reason);
// No URL that the sidecar sends a browser to has a token, or what the app can get one for.
const leaksNothing = steps => {
  for (const { url, next, headers, body } of handshakes(steps)) {
    assert.equal(headers.get('cache-control'), 'no-store', url);
    assert.doesNotMatch(`${next}${body}`, /eyJ|client_|key_/);
  }
};

const expired = 'session-token-expired-refresh-';
const noRefreshToken = `${expired}non-eligible-no-refresh-cookie`;

check('an expired token is exchanged on the way of a page', () => later(AFTER, async () => {
  const { browser, sessionId } = await returning();
  const { steps, ...last } = await browser.go(page);
  isSignedIn(last, sessionId);
  leaksNothing(steps);
  assert.deepEqual(reasons(steps), [noRefreshToken]);
  const { __session: token, __client_uat: uat, ...others } = browser.sent(origin);
  assert.equal(part(token, 1).azp, origin);
  assert.ok(part(token, 1).iat >= Number(uat));
  assert.ok(others[`__refresh_${suffix}`]);
  assert.equal(others.__clerk_handshake_nonce, undefined);
  const again = await browser.go(page);
  isSignedIn(again, sessionId);
  assert.equal(again.steps.length, 1);
}));
check('who is signed out there is signed out here, and not asked again', () => later(AFTER, async () => {
  const { browser, sessionId } = await returning();
  await backend('POST', `/sessions/${sessionId}/revoke`);
  const { steps, ...last } = await browser.go(page);
  isSignedOut(last);
  assert.equal(handshakes(steps).length, 1);
  const { __session, __client_uat } = browser.sent(origin);
  assert.deepEqual([__session, __client_uat], [undefined, '0']);
  const again = await browser.go(page);
  isSignedOut(again);
  assert.equal(again.steps.length, 1);
}));
check('suffixed cookies are exchanged for suffixed ones', () => later(AFTER, async () => {
  const { browser, sessionId } = await visitor();
  const token = await shortToken(sessionId);
  for (const name of ['__session', `__session_${suffix}`]) give(browser, name, token);
  for (const name of ['__client_uat', `__client_uat_${suffix}`]) tell(browser, name, token);
  give(browser, `__clerk_db_jwt_${suffix}`, 'x');
  const { steps, ...last } = await browser.go(page);
  isSignedIn(last, sessionId);
  assert.equal(new URL(handshakes(steps)[0].url).searchParams.get('suffixed_cookies'), 'true');
  const held = browser.sent(origin);
  assert.notEqual(held.__session, token);
  assert.equal(held[`__session_${suffix}`], held.__session);
  assert.equal(held[`__client_uat_${suffix}`], held.__client_uat);
}));
check('a session without the time of its client asks for that', async () => {
  const { browser, sessionId, token } = await visitor();
  browser.cookies.forEach(({ name }, id) => name.startsWith('__client_uat') && browser.cookies.delete(id));
  give(browser, '__session', await token());
  give(browser, '__clerk_db_jwt', 'x');
  const { steps, ...last } = await browser.go(page);
  isSignedIn(last, sessionId);
  assert.deepEqual(reasons(steps), ['session-token-but-no-client-uat']);
});
check('a browser that keeps no session is let go after 3 handshakes', () => later(AFTER, async () => {
  const { browser, ...all } = await returning();
  const { set } = browser;
  browser.set = (url, line) => {
    if (url.startsWith(publicUrl) || line.startsWith('__clerk_redirect_count')) set.call(browser, url, line);
  };
  // What such a browser comes back with is never a nonce.
  browser.answers[publicUrl] = async (url, headers) => {
    const answer = await atTheSidecar(url, headers);
    return { ...answer, headers: new Headers({ location: new URL(url).searchParams.get('redirect_url') }) };
  };
  const { steps, ...last } = await browser.go(page);
  isSignedOut(last);
  assert.equal(handshakes(steps).length, 3);
}));

// Refresh tokens

async function refreshable() {
  const all = await returning();
  isSignedIn(await all.browser.go(page), all.sessionId);
  give(all.browser, '__session', all.expired);
  return { ...all, refreshToken: all.browser.sent(origin)[`__refresh_${suffix}`] };
}

check('a refresh token spares the way', () => later(AFTER, async () => {
  const { browser, sessionId, expired } = await refreshable();
  const { steps, ...last } = await browser.go(page);
  isSignedIn(last, sessionId);
  assert.equal(steps.length, 1);
  const { __session: token } = browser.sent(origin);
  assert.notEqual(token, expired);
  assert.deepEqual([part(token, 1).sid, part(token, 1).azp], [sessionId, origin]);
}));
check('a refresh token of a revoked session is refused', () => later(AFTER, async () => {
  const { browser, sessionId } = await refreshable();
  await backend('POST', `/sessions/${sessionId}/revoke`);
  const { steps, ...last } = await browser.go(page);
  isSignedOut(last);
  assert.deepEqual(reasons(steps), [`${expired}session_over`]);
}));
for (const [what, wrong] of [
  ["another session's refresh token", async () => (await refreshable()).refreshToken],
  ['a changed refresh token', async ({ refreshToken }) => refreshToken.replace(/\.(.)/, (_, x) => `.${x === 'A' ? 'B' : 'A'}`)],
  ['garbage for a refresh token', async () => 'garbage'],
]) {
  check(`${what} leads to a handshake`, () => later(AFTER, async () => {
    const all = await refreshable();
    give(all.browser, `__refresh_${suffix}`, await wrong(all));
    const { steps, ...last } = await all.browser.go(page);
    isSignedIn(last, all.sessionId);
    assert.deepEqual(reasons(steps), [`${expired}refresh_token_invalid`]);
    assert.equal(part(all.browser.sent(origin).__session, 1).sid, all.sessionId);
  }));
}

const productionChecks = () => {
  check('the nonce is in a cookie where the domain is shared, and no page keeps it', () => later(AFTER, async () => {
    const { browser } = await returning();
    const { steps } = await browser.go(page);
    const [handshake] = handshakes(steps);
    assert.equal(handshake.next, page);
    assert.match(handshake.headers.getSetCookie().join(), /__clerk_handshake_nonce=\w+; Path=\/; Max-Age=10; Domain=example.com; HttpOnly; SameSite=Lax; Secure/);
  }));
  check('who has no cookie is nobody', async () => {
    const { steps, ...last } = await browse().go(page);
    isSignedOut(last);
    assert.equal(last.state.reason, 'session-token-and-uat-missing');
    assert.equal(steps.length, 1);
  });
  check('the time of the client alone leads to its session', async () => {
    const { browser, sessionId } = await visitor();
    assert.ok(browser.sent(origin).__client_uat > 0);
    const { steps, ...last } = await browser.go(page);
    isSignedIn(last, sessionId);
    assert.deepEqual(reasons(steps), ['client-uat-but-no-session-token']);
  });
  check('many tabs at once are all signed in', () => later(AFTER, async () => {
    const { browser, sessionId } = await returning();
    let tabs = Array.from({ length: 8 }, (_, number) => `${origin}/${number}`);
    for (let round = 0; round < 2; round++) {
      tabs = (await Promise.all(tabs.map(url => browser.step(url)))).map(({ next }) => next);
    }
    // All ask before the first is answered, which takes the nonce from the browser.
    const { steps } = await browser.go(tabs.pop());
    assert.equal(steps.length, 1);
    for (const answer of await Promise.all(tabs.map(url => browser.go(url)))) isSignedIn(answer, sessionId);
  }));
  check('tabs that come back with one nonce are all signed in', () => later(AFTER, async () => {
    const { browser, sessionId } = await returning();
    await browser.step((await browser.step(page)).next);
    const answers = await Promise.all([1, 2, 3].map(number => browser.step(`${origin}/${number}`)));
    for (const answer of answers) isSignedIn(answer, sessionId);
  }));
  check('a refresh token ends with the client token that it was given for', () => later(AFTER, async () => {
    const { browser, sessionId } = await refreshable();
    const cookie = `__Host-client=${browser.sent(publicUrl)['__Host-client']}`;
    const { token: ticket } = await backend('POST', '/sign_in_tokens', { user_id: `handshake_${users}${production}` });
    const body = new URLSearchParams({ strategy: 'ticket', ticket });
    const rotated = await fetch(`${sidecar}/v1/client/sign_ins`, { method: 'POST', headers: { origin, cookie }, body });
    for (const line of rotated.headers.getSetCookie()) if (line.startsWith('__Host')) browser.set(publicUrl, line);
    const { steps, ...last } = await browser.go(page);
    assert.deepEqual(reasons(steps), [`${expired}refresh_token_invalid`]);
    assert.equal(last.state.status, 'signed-in');
    assert.notEqual(last.state.toAuth().sessionId, sessionId);
  }));

  // An app on another site

  const far = `${elsewhere}/page?tab=1`;
  const returningFar = async more => {
    const all = await visitor(more);
    const token = await shortToken(all.sessionId);
    give(all.browser, '__session', token, elsewhere);
    give(all.browser, '__client_uat', part(token, 1).iat, elsewhere);
    return all;
  };
  check('on another site the nonce is in the URL, which may be loaded again', () => later(AFTER, async () => {
    const { browser, sessionId } = await returningFar();
    const { steps, ...last } = await browser.go(far);
    isSignedIn(last, sessionId);
    leaksNothing(steps);
    assert.match(last.url, /\?tab=1&__clerk_handshake_nonce=o[0-9a-f]{64}$/);
    assert.equal(part(browser.sent(elsewhere).__session, 1).azp, elsewhere);
    const again = await browser.go(last.url);
    isSignedIn(again, sessionId);
    assert.equal(again.steps.length, 1);
  }));
  check('a used nonce in the URL gives way to a new one', () => later(AFTER, async () => {
    const { browser, sessionId } = await returningFar();
    const { url } = await browser.go(far);
    give(browser, '__session', await shortToken(sessionId), elsewhere);
    browser.cookies.forEach(({ name }, id) => name.startsWith('__refresh') && browser.cookies.delete(id));
    const { steps, ...last } = await browser.go(url);
    isSignedIn(last, sessionId);
    assert.equal(handshakes(steps).length, 1);
    assert.equal(last.url.split('__clerk_handshake_nonce').length, 2);
  }));
  check('a nonce that is none signs nobody out', async () => {
    const { browser, sessionId } = await visitor();
    isSignedIn(await browser.go(page), sessionId);
    for (const nonce of ['x', `o${'0'.repeat(64)}`]) {
      isSignedIn(await browser.go(`${origin}/?__clerk_handshake_nonce=${nonce}`), sessionId);
    }
  });
  check('a page that comes from another site is synchronised', async () => {
    const { browser, sessionId } = await visitor();
    await browser.go(page);
    browser.cookies.forEach(({ name }, id) => name === '__clerk_redirect_count' && browser.cookies.delete(id));
    const { steps, ...last } = await browser.go(page, { referer: `${elsewhere}/` });
    isSignedIn(last, sessionId);
    assert.deepEqual(reasons(steps), ['primary-domain-cross-origin-sync']);
  });

  const satellite = more => app({ isSatellite: true, proxyUrl: publicUrl, signInUrl: `${origin}/sign-in`, ...more });
  check('a satellite asks once it is told to, and then no more', async () => {
    const { browser, sessionId } = await visitor({ [elsewhere]: satellite() });
    isSignedOut(await browser.go(far));
    const { steps, ...last } = await browser.go(`${far}&__clerk_synced=false`);
    isSignedIn(last, sessionId);
    assert.deepEqual(reasons(steps), ['satellite-needs-syncing']);
    assert.deepEqual(new URL(last.url).searchParams.getAll('__clerk_synced'), ['true']);
    isSignedIn(await browser.go(far), sessionId);
    isSignedIn(await browser.go(last.url), sessionId);
  });
  check('a satellite that always asks learns that nobody is there, and renders', async () => {
    const browser = browse({ [elsewhere]: satellite({ satelliteAutoSync: true }) });
    const { steps, ...last } = await browser.go(far);
    isSignedOut(last);
    assert.equal(handshakes(steps).length, 1);
    const again = await browser.go(last.url);
    isSignedOut(again);
    assert.equal(again.steps.length, 1);
  });
  check('the sync of a page of a satellite leads back to it, signed in', async () => {
    const { browser, sessionId } = await visitor({ [elsewhere]: satellite() });
    const last = await browser.go(`${publicUrl}/v1/client/sync?${new URLSearchParams({ redirect_url: far })}`);
    isSignedIn(last, sessionId);
  });
};

const developmentChecks = () => {
  check('with a key for development nobody is nobody after one handshake', async () => {
    const browser = browse();
    const { steps, ...last } = await browser.go(page);
    isSignedOut(last);
    assert.deepEqual(reasons(steps), ['dev-browser-missing']);
    assert.doesNotMatch(last.url, /nonce/);
    const again = await browser.go(page);
    assert.deepEqual([again.state.reason, again.steps.length], ['session-token-and-uat-missing', 1]);
  });
  check('with a key for development cookies are enough from the first handshake on', async () => {
    const { browser, sessionId } = await visitor();
    const { steps, ...last } = await browser.go(page);
    isSignedIn(last, sessionId);
    leaksNothing(steps);
    assert.deepEqual(reasons(steps), ['dev-browser-missing']);
    assert.equal(new URL(last.url).search, '?tab=1');
    const again = await browser.go(page);
    isSignedIn(again, sessionId);
    assert.equal(again.steps.length, 1);
  });
  check("another project's mark on the same host is left alone", () => later(AFTER, async () => {
    const { browser } = await returning();
    await browser.go(page);
    assert.equal(browser.sent(origin).__clerk_db_jwt, 'x');
  }));
};

(production ? productionChecks : developmentChecks)();
await report('@clerk/backend');
