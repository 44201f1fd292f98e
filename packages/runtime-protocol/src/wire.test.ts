import {execFileSync} from 'node:child_process';
import {join} from 'node:path';
import {describe, expect, test} from '@jest/globals';

/** The parts of a FileDescriptorSet in JSON that say what is on the wire. */
interface Field {
  name: string;
  number: number;
  label: string;
  type: string;
  typeName?: string;
}

interface Message {
  name: string;
  field?: Field[];
  nestedType?: (Message & {options?: {mapEntry?: boolean}})[];
}

interface File {
  package: string;
  messageType: Message[];
  enumType: {name: string; value: {name: string; number: number}[]}[];
  service: {name: string; method: {name: string; clientStreaming?: boolean; serverStreaming?: boolean}[]}[];
}

const root = join(import.meta.dirname, '../../..');
const set: {file: File[]} = JSON.parse(
  execFileSync(
    join(root, 'packages/runtime-protocol/node_modules/.bin/buf'),
    ['build', 'proto', '-o', '-#format=json'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  ),
);
const executor = set.file.find((file) => file.package === 'executor.v1');

/** `1 id string`, as the table of the public protocol has it. */
function fieldsOf(message: Message): string {
  return (message.field ?? [])
    .map((field) => {
      const type = field.typeName?.replace('.executor.v1.', '') ?? field.type.replace('TYPE_', '').toLowerCase();
      const entry = message.nestedType?.find(({name}) => type === `${message.name}.${name}`);
      if (entry !== undefined) return `${field.number} ${field.name} map<string,string>`;
      return `${field.number} ${field.name} ${field.label === 'LABEL_REPEATED' ? 'repeated ' : ''}${type}`;
    })
    .join(', ');
}

describe('executor.v1 on the wire', () => {
  test('messages', () => {
    expect(
      Object.fromEntries((executor?.messageType ?? []).map((message) => [message.name, fieldsOf(message)])),
    ).toEqual({
      ExecuteRequest:
        '1 id string, 2 args repeated string, 3 env map<string,string>, 4 timeout_seconds int64, 5 working_dir string, ' +
        '6 entrypoint string, 7 handler string',
      ExecuteResponse: '1 id string',
      StatusRequest: '1 id string',
      CancelRequest: '1 id string',
      ForgetRequest: '1 id string',
      StatusResponse:
        '1 id string, 2 state ExecutionState, 3 exit_code int32, 4 stdout string, 5 stderr string, 6 error_message string',
      ListRequest: '',
      CancelResponse: '',
      ForgetResponse: '',
      HealthRequest: '',
      ListResponse: '1 entries repeated StatusResponse',
      HealthResponse: '1 healthy bool, 2 message string',
      FunctionRegistration: '1 run_uid string, 2 registration_id string',
      RegisterFunctionRequest:
        '1 run_uid string, 2 registration_attempt int32, 3 working_dir string, 4 handler string, ' +
        '5 env map<string,string>, 6 idle_timeout_seconds int64, 7 registration_digest string',
      RegisterFunctionResponse: '1 registration FunctionRegistration, 2 state FunctionRegistrationState',
      FunctionStatusRequest: '1 registration FunctionRegistration',
      FunctionStatusResponse:
        '1 registration FunctionRegistration, 2 state FunctionRegistrationState, 3 in_flight int32, ' +
        '4 last_activity_unix_nano int64, 5 fatal_error string',
      InvokeFunctionRequest:
        '1 registration FunctionRegistration, 2 invocation_id string, 3 input bytes, 4 content_type string, ' +
        '5 timeout_millis int64',
      InvokeFunctionResponse:
        '1 registration FunctionRegistration, 2 invocation_id string, 3 output bytes, 4 content_type string, ' +
        '5 outputs map<string,string>',
      UnregisterFunctionRequest:
        '1 registration FunctionRegistration, 2 cancel_in_flight bool, 3 drain_timeout_millis int64',
      UnregisterFunctionResponse: '1 registration FunctionRegistration',
    });
  });

  test('enums', () => {
    const enums = (executor?.enumType ?? []).map(({name, value}) => [name, value.map((v) => `${v.number} ${v.name}`)]);
    expect(Object.fromEntries(enums)).toEqual({
      ExecutionState: [
        '0 EXECUTION_STATE_UNSPECIFIED',
        '1 EXECUTION_STATE_PENDING',
        '2 EXECUTION_STATE_RUNNING',
        '3 EXECUTION_STATE_SUCCEEDED',
        '4 EXECUTION_STATE_FAILED',
      ],
      FunctionRegistrationState: [
        '0 FUNCTION_REGISTRATION_STATE_UNSPECIFIED',
        '1 FUNCTION_REGISTRATION_STATE_REGISTERING',
        '2 FUNCTION_REGISTRATION_STATE_READY',
        '3 FUNCTION_REGISTRATION_STATE_DRAINING',
        '4 FUNCTION_REGISTRATION_STATE_FAILED',
      ],
    });
  });

  test('services, all of unary calls', () => {
    const services = (executor?.service ?? []).map(({name, method}) => [name, method.map((m) => m.name)]);
    expect(Object.fromEntries(services)).toEqual({
      Runtime: ['Execute', 'Status', 'List', 'Cancel', 'Forget', 'Health'],
      FunctionRuntime: ['RegisterFunction', 'FunctionStatus', 'InvokeFunction', 'UnregisterFunction'],
    });
    const calls = (executor?.service ?? []).flatMap(({method}) => method);
    expect(calls.filter(({clientStreaming, serverStreaming}) => clientStreaming || serverStreaming)).toEqual([]);
  });
});
