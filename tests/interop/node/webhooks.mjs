// @clerk/backend/webhooks: verifyWebhook takes what the sidecar sent, and nothing that was altered.

import assert from 'node:assert/strict';
import { verifyWebhook } from '@clerk/backend/webhooks';
import { check, report } from './support.mjs';

const sent = JSON.parse(process.env.WEBHOOKS);
const [secret, oldSecret] = process.env.WEBHOOK_SECRETS.split(',');
const stranger = `whsec_${Buffer.alloc(32).toString('base64')}`;

const request = ({ headers, body }, more = {}) =>
  new Request('https://app.example.com/hook', { method: 'POST', headers: { ...headers, ...more }, body });
const verify = (webhook, signingSecret = secret, more = {}) => verifyWebhook(request(webhook, more), { signingSecret });
const refused = promise => assert.rejects(promise, /Unable to verify|No matching signature|too old/);

check('each webhook is verified and read', async () => {
  const events = [];
  for (const webhook of sent) events.push(await verify(webhook));
  assert.deepEqual(events.map(event => event.type), ['session.created', 'session.ended']);
  const [created, ended] = events;
  assert.equal(created.object, 'event');
  assert.match(created.instance_id, /^ins_/);
  assert.ok(Math.abs(created.timestamp - Date.now()) < 60_000);
  assert.deepEqual([created.data.object, created.data.status, created.data.user_id], ['session', 'active', 'ada']);
  assert.deepEqual([created.data.user.object, created.data.user.id], ['user', 'ada']);
  assert.equal(created.event_attributes.http_request.client_ip, '127.0.0.1');
  assert.deepEqual([ended.data.id, ended.data.status], [created.data.id, 'ended']);
});
check('the older of two secrets verifies too', () => verify(sent[0], oldSecret));
check('another secret does not', () => refused(verify(sent[0], stranger)));
check('a changed body is refused', () =>
  refused(verify({ ...sent[0], body: sent[0].body.replace('active', 'revoked') })));
check('a changed id is refused', () => refused(verify(sent[0], secret, { 'svix-id': 'msg_other' })));
check('a changed time is refused', () =>
  refused(verify(sent[0], secret, { 'svix-timestamp': String(Math.floor(Date.now() / 1000) - 60) })));
check('a webhook of an hour ago is refused', () =>
  refused(verify(sent[0], secret, { 'svix-timestamp': String(Math.floor(Date.now() / 1000) - 3600) })));

await report('@clerk/backend');
