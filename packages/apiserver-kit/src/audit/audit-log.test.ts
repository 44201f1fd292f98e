import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {statusErrors} from '../errors/status-error.ts';
import {type AuditEntry, auditEvent} from './audit-event.ts';
import {AuditLog} from './audit-log.ts';

const entry = (change: Partial<AuditEntry> = {}): AuditEntry => ({
  auditId: 'id',
  stage: 'ResponseComplete',
  requestUri: '/api/v1/pods',
  verb: 'list',
  user: {username: 'alice', groups: ['g']},
  sourceIps: ['127.0.0.1'],
  userAgent: 'test',
  response: {code: 200},
  receivedMs: Date.parse('2026-01-01T00:00:00Z') + 0.5,
  stageMs: Date.parse('2026-01-01T00:00:00Z') + 1.25,
  ...change,
});

describe('auditEvent', () => {
  test('is what kube-apiserver writes', () => {
    const status = statusErrors.notFound({group: '', name: 'pods'}, 'x').toStatus();
    const event = auditEvent(
      entry({
        impersonated: {user: {username: 'bob', groups: []}, constraint: 'impersonate:user-info'},
        objectRef: {group: 'apps', version: 'v1', resource: 'pods', subresource: 'log', namespace: 'ns', name: 'x'},
        response: {code: 404, status},
        annotations: {b: '2', a: '1'},
      }),
    );
    expect(JSON.stringify(event)).toBe(
      JSON.stringify({
        kind: 'Event',
        apiVersion: 'audit.k8s.io/v1',
        level: 'Metadata',
        auditID: 'id',
        stage: 'ResponseComplete',
        requestURI: '/api/v1/pods',
        verb: 'list',
        user: {username: 'alice', groups: ['g']},
        impersonatedUser: {username: 'bob'},
        authenticationMetadata: {impersonationConstraint: 'impersonate:user-info'},
        sourceIPs: ['127.0.0.1'],
        userAgent: 'test',
        objectRef: {
          resource: 'pods',
          namespace: 'ns',
          name: 'x',
          apiGroup: 'apps',
          apiVersion: 'v1',
          subresource: 'log',
        },
        responseStatus: {
          metadata: {},
          status: 'Failure',
          message: 'pods "x" not found',
          reason: 'NotFound',
          details: {name: 'x', kind: 'pods'},
          code: 404,
        },
        requestReceivedTimestamp: '2026-01-01T00:00:00.000500Z',
        stageTimestamp: '2026-01-01T00:00:00.001250Z',
        annotations: {a: '1', b: '2'},
      }),
    );
  });
});

describe('AuditLog', () => {
  let directory: string;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'audit-'));
    path = join(directory, 'audit.log');
  });
  afterEach(() => rm(directory, {recursive: true}));

  const ids = async (): Promise<string[]> => {
    const text = await readFile(path, 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    return text
      .slice(0, -1)
      .split('\n')
      .map((line) => (JSON.parse(line) as {auditID: string}).auditID);
  };

  test('has every line whole and in order, however fast they come', async () => {
    const log = await AuditLog.open({path});
    const expected: string[] = [];
    for (let turn = 0; turn < 50; turn++) {
      for (let index = 0; index < 20; index++) {
        const auditId = `${turn}-${index}`;
        expected.push(auditId);
        log.record(entry({auditId, userAgent: 'x'.repeat(index * 100)}));
      }
      await new Promise(setImmediate);
    }
    await log.flush();
    expect(await ids()).toEqual(expected);
    await log.close();
  });

  test('goes on with a file that is there, and writes the last lines when it is closed', async () => {
    for (const auditId of ['a', 'b']) {
      const log = await AuditLog.open({path});
      log.record(entry({auditId}));
      await log.close();
    }
    expect(await ids()).toEqual(['a', 'b']);
  });

  test('asks to wait where the disk is slower than the requests', async () => {
    const log = await AuditLog.open({path, highWaterBytes: 10_000});
    expect(log.room()).toBeUndefined();
    for (let index = 0; index < 100; index++) log.record(entry({userAgent: 'x'.repeat(1000)}));
    expect(log.room()).toBeInstanceOf(Promise);
    await log.room();
    expect(log.room()).toBeUndefined();
    await log.close();
  });
});
