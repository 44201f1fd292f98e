import assert from 'node:assert/strict';
import {Buffer} from 'node:buffer';
import {ClientError, Status} from 'nice-grpc-common';
import {ExecutionState, MAX_OUTPUT_DATA_BYTES, Stream} from '../index.ts';
import type {CaseContext, ConformanceCase} from './conformance-case.ts';
import {EventSession, type ExecutionEvent, isEnd} from './event-session.ts';

const mebibyte = 1024 * 1024;
const windowBytes = 128 * 1024;

/** What a server does that offers `kruntimes.runtime.v1.RuntimeEvents`. */
export const sessionCases: readonly ConformanceCase[] = Object.freeze<ConformanceCase[]>([
  {
    id: 'session-opened-first',
    level: 'optional',
    title: 'The first response of a session is Opened; Ping is answered by Pong',
    source: 'Opened is the first response. Ping asks for a Pong.',
    run: (_client, context) =>
      withSession(context, {}, async (session) => {
        await session.opened();
        await session.ping();
      }),
  },
  {
    id: 'session-events-in-order',
    level: 'optional',
    title: 'Sequence numbers have no gaps, offsets fit the data, and the end is the last event',
    source: 'Counts the events of one execution, states and output together, from 1 without gaps.',
    run: (_client, context) =>
      withSession(context, {}, async (session) => {
        await session.opened();
        const {id} = await context.start({
          program: 'i=0; while [ $i -lt 50 ]; do echo $i; echo e$i >&2; i=$((i+1)); done; exit 3',
        });
        await session.ended(id);
        await context.settle();
        const events = session.eventsOf(id);
        assertSequence(events);
        const end = events.at(-1);
        assert.ok(end?.$case === 'state' && isEnd(end), 'an event follows the end of the execution');
        assert.equal(end.value.state, ExecutionState.FAILED);
        assert.equal(end.value.exitCode, 3);
        const stdout = outputOf(events, Stream.STDOUT);
        const stderr = outputOf(events, Stream.STDERR);
        assert.equal(stdout.toString(), Array.from({length: 50}, (_, index) => `${index}\n`).join(''));
        assert.equal(Number(end.value.stdoutBytes), stdout.length, 'stdout_bytes of the end');
        assert.equal(Number(end.value.stderrBytes), stderr.length, 'stderr_bytes of the end');
      }),
  },
  {
    id: 'session-byte-exact',
    level: 'optional',
    title: 'Output comes byte for byte as the program wrote it',
    source: 'Output is bytes that a program wrote, exactly as it wrote them.',
    run: (_client, context) =>
      withSession(context, {}, async (session) => {
        await session.opened();
        const {id} = await context.start({program: String.raw`printf 'a\377\376\000\303b'`});
        const output = outputOf(await session.ended(id), Stream.STDOUT);
        assert.equal(output.toString('hex'), '61fffe00c362');
      }),
  },
  {
    id: 'session-replay',
    level: 'optional',
    title: 'Unacknowledged events are sent again, the same, in the next session',
    source: 'After Opened, the unacknowledged events of every kept execution follow, in order.',
    async run(_client, context) {
      let first: ExecutionEvent[] = [];
      let id = '';
      await withSession(context, {}, async (session) => {
        await session.opened();
        ({id} = await context.start({program: 'echo one; echo two >&2'}));
        first = await session.ended(id);
      });
      await withSession(context, {}, async (session) => {
        await session.opened();
        assert.deepEqual(await session.ended(id), first, 'the second session tells something else than the first');
      });
    },
  },
  {
    id: 'session-acknowledged-not-repeated',
    level: 'optional',
    title: 'Acknowledged events are not sent again; those after them are',
    source: 'The server sends acknowledged events no more, in this session or a later one.',
    async run(_client, context) {
      let acknowledged = '';
      let half = '';
      await withSession(context, {}, async (session) => {
        await session.opened();
        ({id: acknowledged} = await context.start({program: 'echo acknowledged'}));
        ({id: half} = await context.start({program: 'echo half'}));
        const last = (await session.ended(acknowledged)).at(-1);
        await session.ended(half);
        session.ack(acknowledged, last?.value.sequence ?? 0n);
        session.ack(half, 1n);
        await session.ping();
      });
      await withSession(context, {}, async (session) => {
        await session.opened();
        await session.ended(half);
        await session.ping();
        await context.settle();
        assert.equal(session.eventsOf(half)[0]?.value.sequence, 2n, 'after an acknowledgement of 1, 2 comes first');
        assert.equal(session.eventsOf(acknowledged).length, 0, 'acknowledged events were sent again');
      });
    },
  },
  {
    id: 'session-newer-replaces-older',
    level: 'optional',
    title: 'A newer session ends the older with ABORTED',
    source: 'A server has one session at a time: a newer one ends the older with ABORTED.',
    run: (_client, context) =>
      withSession(context, {}, async (older) => {
        await older.opened();
        await withSession(context, {}, async (newer) => {
          await newer.opened();
          const failure = await older.failure();
          const code = failure instanceof ClientError ? Status[failure.code] : String(failure);
          assert.equal(code, 'ABORTED', `the older session ended with ${code}`);
          await newer.ping();
        });
      }),
  },
  {
    id: 'session-window',
    level: 'optional',
    title: 'A full window holds the program; acknowledgements let it go on, and no byte is lost',
    source: 'window_bytes: most unacknowledged output bytes before the server stops reading the program.',
    run: (_client, context) =>
      withSession(context, {windowBytes}, async (session) => {
        await session.opened();
        const {id} = await context.start({program: `head -c ${mebibyte} /dev/zero | tr '\\0' x`});
        const received = (): number => outputOf(session.eventsOf(id), Stream.STDOUT).length;
        await session.until(() => received() > 0);
        await context.settle();
        const held = received();
        assert.ok(held <= windowBytes + MAX_OUTPUT_DATA_BYTES, `${held} bytes came in a window of ${windowBytes}`);
        let acknowledged = 0n;
        while (!session.eventsOf(id).some(isEnd)) {
          const sequence = session.eventsOf(id).at(-1)?.value.sequence ?? 0n;
          if (sequence > acknowledged) session.ack(id, sequence);
          acknowledged = sequence;
          await session.until(() => (session.eventsOf(id).at(-1)?.value.sequence ?? 0n) > acknowledged);
        }
        assertSequence(session.eventsOf(id));
        assert.equal(received(), mebibyte, 'output is missing');
      }),
  },
]);

async function withSession(
  context: CaseContext,
  options: {windowBytes?: number},
  use: (session: EventSession) => Promise<void>,
): Promise<void> {
  const session = new EventSession(context.events, {...options, signal: context.signal});
  try {
    await use(session);
  } finally {
    await session.close();
  }
}

function assertSequence(events: readonly ExecutionEvent[]): void {
  assert.deepEqual(
    events.map(({value}) => Number(value.sequence)),
    events.map((_, index) => index + 1),
    'sequence numbers do not count from 1 without gaps',
  );
}

/** Output of one stream; fails where an offset does not fit what came before, or data is longer than allowed. */
function outputOf(events: readonly ExecutionEvent[], stream: Stream): Buffer {
  const chunks: Uint8Array[] = [];
  let end = 0;
  for (const event of events) {
    if (event.$case !== 'output' || event.value.stream !== stream) continue;
    assert.equal(Number(event.value.offset), end, 'an offset is not the end of the data before it');
    assert.ok(event.value.data.length <= MAX_OUTPUT_DATA_BYTES, 'Output.data is longer than 64 KiB');
    chunks.push(event.value.data);
    end += event.value.data.length;
  }
  return Buffer.concat(chunks);
}
