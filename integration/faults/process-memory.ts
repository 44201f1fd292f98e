import {readdirSync, readFileSync} from 'node:fs';

/** What a process holds when nothing happens. */
export interface MemoryReading {
  /** Bytes of live objects after a forced collection, buffers included. */
  heapBytes: number;
  /** Resident set, in bytes. */
  rssBytes: number;
  fileDescriptors: number;
}

interface InspectorAnswer {
  id?: number;
  result?: Record<string, number>;
  error?: {message: string};
}

/** One collection may leave what a finaliser of the next one frees. */
const COLLECTIONS = 4;

/**
 * Reads the memory of a Node.js process that was started with `--inspect=127.0.0.1:<port>`.
 *
 * @see https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/
 */
export async function readMemory(pid: number, inspectorPort: number): Promise<MemoryReading> {
  const targets = (await (await fetch(`http://127.0.0.1:${inspectorPort}/json/list`)).json()) as {
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '');
  const answers = new Map<number, (answer: InspectorAnswer) => void>();
  socket.addEventListener('message', ({data}) => {
    const answer = JSON.parse(String(data)) as InspectorAnswer;
    if (answer.id !== undefined) answers.get(answer.id)?.(answer);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, {once: true});
    socket.addEventListener('error', () => reject(new Error(`no inspector at port ${inspectorPort}`)), {once: true});
  });
  let id = 0;
  const call = async (method: string): Promise<Record<string, number>> => {
    const number = ++id;
    const answer = await new Promise<InspectorAnswer>((resolve) => {
      answers.set(number, resolve);
      socket.send(JSON.stringify({id: number, method}));
    });
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  };
  try {
    for (let i = 0; i < COLLECTIONS; i++) await call('HeapProfiler.collectGarbage');
    const {usedSize = 0, backingStorageSize = 0} = await call('Runtime.getHeapUsage');
    return {
      heapBytes: usedSize + backingStorageSize,
      rssBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024,
      // The one of this conversation does not count.
      fileDescriptors: readdirSync(`/proc/${pid}/fd`).length - 1,
    };
  } finally {
    socket.close();
    await new Promise((resolve) => socket.addEventListener('close', resolve, {once: true}));
  }
}
