// The browser's part of edgepass: sign in with a ticket, hold a fresh session token, sign out.
//
//   import { Edgepass } from "https://auth.example.com/edgepass.js";
//   const edgepass = await Edgepass.load();
//   await edgepass.signIn(ticket);
//   fetch("/api", { headers: { authorization: `Bearer ${await edgepass.getToken()}` } });
//
// The client token is an HttpOnly cookie of the sidecar: no script ever sees it. The session
// token lives for a minute and is also kept in the app's `__session` cookie, so that plain
// page loads are signed in too.

const REFRESH_AT = 0.7; // of a token's life, so that a slow refresh is still in time
const SPARE_SECONDS = 5; // a token this close to its end is not handed out
const RETRY_SECONDS = [1, 2, 4, 8, 15, 30];
const COOKIE = "__session";

export class EdgepassError extends Error {
  constructor(status, code, message) {
    super(message);
    this.name = "EdgepassError";
    this.status = status; // 0 when the sidecar could not be reached
    this.code = code;
  }
}

export class Edgepass extends EventTarget {
  #url;
  #client = null;
  #token = null; // { text, sessionId, lifetime, heldSince }
  #refreshing = null;
  #timer = null;
  #failures = 0;

  // `url` is the sidecar's; by default where this module came from.
  static async load({ url = new URL(import.meta.url).origin } = {}) {
    const edgepass = new Edgepass(url);
    await edgepass.reload();
    return edgepass;
  }

  constructor(url) {
    super();
    this.#url = url;
    document.addEventListener("visibilitychange", () => {
      // Timers of a hidden tab are slowed down or stopped; catch up at once.
      if (!document.hidden && this.#isDue()) this.#refreshInBackground();
    });
  }

  get client() {
    return this.#client;
  }

  get sessions() {
    return this.#client?.sessions ?? [];
  }

  get session() {
    const id = this.#client?.last_active_session_id;
    return this.sessions.find((session) => session.id === id) ?? null;
  }

  async reload() {
    const { response } = await this.#call("GET", "/v1/client");
    this.#hold(response);
  }

  async signIn(ticket) {
    const { response, client } = await this.#call("POST", "/v1/client/sign_ins", {
      strategy: "ticket",
      ticket,
    });
    this.#hold(client);
    return response.created_session_id;
  }

  // Resolves to a token with at least 5 seconds left, or null when nobody is signed in.
  async getToken() {
    if (this.session === null) return null;
    if (this.#isUsable()) return this.#token.text;
    await this.#refresh();
    return this.#isUsable() ? this.#token.text : null;
  }

  async setActive(sessionId) {
    const { client } = await this.#call("POST", `/v1/client/sessions/${sessionId}/touch`);
    this.#hold(client);
  }

  // The user's sessions on all devices, this one among them.
  async devices() {
    return this.#call("GET", `/v1/me/sessions/active?_clerk_session_id=${this.session.id}`);
  }

  async revokeDevice(sessionId) {
    const own = this.session.id;
    await this.#call("POST", `/v1/me/sessions/${sessionId}/revoke?_clerk_session_id=${own}`);
    if (this.sessions.some((session) => session.id === sessionId)) await this.reload();
  }

  // Signs the user out everywhere but here.
  async revokeOtherDevices() {
    const own = this.session.id;
    const { response } = await this.#call(
      "POST",
      `/v1/me/sessions/revoke_others?_clerk_session_id=${own}`,
    );
    return response.revoked;
  }

  // Signs one session out, or all of this browser.
  async signOut(sessionId = null) {
    if (sessionId === null) {
      const { response } = await this.#call("DELETE", "/v1/client/sessions");
      this.#hold(response);
    } else {
      const { client } = await this.#call("POST", `/v1/client/sessions/${sessionId}/remove`);
      this.#hold(client);
    }
  }

  #hold(client) {
    this.#client = client;
    const session = this.session;
    if (session === null) {
      this.#drop();
    } else if (session.last_active_token) {
      this.#accept(session.id, session.last_active_token.jwt);
    } else if (this.#token?.sessionId !== session.id) {
      this.#drop();
      // Not at once: this may be part of a refresh, which then would wait for itself.
      this.#schedule(0);
    }
    this.dispatchEvent(new Event("change"));
  }

  #accept(sessionId, text) {
    if (this.#token?.text === text) return;
    // Scheduled by how long the token lives, never by the time on the wall, which may
    // be wrong.
    const { iat, exp } = readPayload(text);
    const lifetime = (exp - iat) * 1000;
    this.#token = { text, sessionId, lifetime, heldSince: readClocks() };
    this.#failures = 0;
    writeCookie(text);
    this.#schedule(lifetime * REFRESH_AT);
  }

  #drop() {
    this.#token = null;
    clearTimeout(this.#timer);
    writeCookie("");
  }

  #isUsable() {
    const token = this.#token;
    return (
      token !== null &&
      token.sessionId === this.session?.id &&
      elapsedSince(token.heldSince) < token.lifetime - SPARE_SECONDS * 1000
    );
  }

  #isDue() {
    if (this.session === null) return false;
    const token = this.#token;
    return token === null || elapsedSince(token.heldSince) >= token.lifetime * REFRESH_AT;
  }

  // One refresh at a time, however many callers wait for it.
  #refresh() {
    this.#refreshing ??= this.#fetchToken().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #fetchToken() {
    const id = this.session.id;
    try {
      const { jwt } = await this.#call("POST", `/v1/client/sessions/${id}/tokens`);
      if (this.session?.id === id) this.#accept(id, jwt);
    } catch (error) {
      if (error.status !== 401 && error.status !== 404) throw error;
      // The session is over; what is left of the client is for the sidecar to say.
      await this.reload();
    }
  }

  async #refreshInBackground() {
    try {
      await this.#refresh();
    } catch {
      const wait = RETRY_SECONDS[Math.min(this.#failures, RETRY_SECONDS.length - 1)];
      this.#failures += 1;
      this.#schedule(wait * 1000 * (0.5 + Math.random() / 2));
    }
  }

  #schedule(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refreshInBackground(), milliseconds);
  }

  async #call(method, path, fields = null) {
    let response;
    try {
      response = await fetch(this.#url + path, {
        method,
        credentials: "include",
        body: fields === null ? undefined : new URLSearchParams(fields),
      });
    } catch {
      throw new EdgepassError(0, "unreachable", "The sidecar cannot be reached.");
    }
    const answer = await response.json().catch(() => null);
    if (response.ok && answer !== null) return answer;
    const error = answer?.errors?.[0];
    throw new EdgepassError(
      response.status,
      error?.code ?? "unexpected_answer",
      error?.message ?? `The sidecar answered ${response.status}.`,
    );
  }
}

// One clock may stop while a device sleeps, the other may be set: of what they measure
// the longer counts, for a token that is refreshed too early is only a token more.
function readClocks() {
  return { steady: performance.now(), wall: Date.now() };
}

function elapsedSince({ steady, wall }) {
  return Math.max(performance.now() - steady, Date.now() - wall);
}

function readPayload(token) {
  const segment = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(segment));
}

function writeCookie(value) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const age = value === "" ? 0 : 31_536_000;
  document.cookie = `${COOKIE}=${value}; Path=/; SameSite=Lax; Max-Age=${age}${secure}`;
}
