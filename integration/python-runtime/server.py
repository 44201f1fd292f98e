"""A small executor.v1 server that shares no code with the rest of the repository and knows no event stream.

It shows that a Runtime image written in another language, against the protocol alone, works under runtimed.
Usage: server.py GENERATED_DIRECTORY ADDRESS, where the directory holds what protoc makes of runtime.proto.
"""

import os
import signal
import subprocess
import sys
import threading
from concurrent import futures

import grpc

sys.path.insert(0, sys.argv[1])
import runtime_pb2 as pb  # noqa: E402  made by protoc when the test starts

MAX_STREAM_BYTES = 1024 * 1024
WORKSPACE_ROOT = os.environ.get("KRUNTIME_WORKSPACE_ROOT", "/workspace")


class Execution:
    """One process group and what it wrote."""

    def __init__(self, request):
        self.lock = threading.Lock()
        self.state = pb.EXECUTION_STATE_RUNNING
        self.exit_code = 0
        self.error = ""
        self.output = {"stdout": bytearray(), "stderr": bytearray()}
        directory = request.working_dir or os.path.join(WORKSPACE_ROOT, request.id)
        command = list(request.args)
        if request.entrypoint:
            path = os.path.join(directory, request.entrypoint)
            command = ([path] if names_interpreter(path) else ["bash", path]) + command
        self.process = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, **request.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        threading.Thread(target=self.follow, args=(request.timeout_seconds,), daemon=True).start()

    def read(self, name):
        stream = getattr(self.process, name)
        while chunk := stream.read1(65536):
            with self.lock:
                room = MAX_STREAM_BYTES - len(self.output[name])
                self.output[name] += chunk[: max(room, 0)]

    def follow(self, timeout_seconds):
        readers = [threading.Thread(target=self.read, args=(name,), daemon=True) for name in self.output]
        for reader in readers:
            reader.start()
        try:
            self.process.wait(timeout_seconds or None)
        except subprocess.TimeoutExpired:
            self.error = "timeout"
        self.kill()
        code = self.process.wait()
        for reader in readers:
            reader.join()
        with self.lock:
            self.exit_code = code if code >= 0 else -1
            if code < 0 and not self.error:
                self.error = f"signal: {signal.Signals(-code).name}"
            self.state = pb.EXECUTION_STATE_SUCCEEDED if code == 0 and not self.error else pb.EXECUTION_STATE_FAILED

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def status(self, execution_id):
        with self.lock:
            return pb.StatusResponse(
                id=execution_id,
                state=self.state,
                exit_code=self.exit_code,
                stdout=self.output["stdout"].decode("utf-8", "replace"),
                stderr=self.output["stderr"].decode("utf-8", "replace"),
                error_message=self.error,
            )


def names_interpreter(path):
    with open(path, "rb") as file:
        return file.read(2) == b"#!" and os.access(path, os.X_OK)


class Runtime:
    def __init__(self):
        self.lock = threading.Lock()
        self.executions = {}

    def find(self, request, context):
        with self.lock:
            execution = self.executions.get(request.id)
        return execution or context.abort(grpc.StatusCode.NOT_FOUND, f"no execution {request.id!r}")

    def Execute(self, request, context):
        if not request.id:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "id is empty")
        with self.lock:
            if request.id in self.executions:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{request.id} was executed before")
            try:
                self.executions[request.id] = Execution(request)
            except OSError as error:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"cannot start the program: {error}")
        return pb.ExecuteResponse(id=request.id)

    def Status(self, request, context):
        return self.find(request, context).status(request.id)

    def List(self, request, context):
        with self.lock:
            kept = list(self.executions.items())
        return pb.ListResponse(entries=[execution.status(name) for name, execution in kept])

    def Cancel(self, request, context):
        self.find(request, context).kill()
        return pb.CancelResponse()

    def Forget(self, request, context):
        execution = self.find(request, context)
        if execution.state == pb.EXECUTION_STATE_RUNNING:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{request.id} runs")
        with self.lock:
            self.executions.pop(request.id, None)
        return pb.ForgetResponse()

    def Health(self, request, context):
        return pb.HealthResponse(healthy=True)


def method(call, request_type):
    return grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=request_type.FromString, response_serializer=lambda message: message.SerializeToString()
    )


def main():
    runtime = Runtime()
    names = ["Execute", "Status", "List", "Cancel", "Forget", "Health"]
    methods = {name: method(getattr(runtime, name), getattr(pb, f"{name}Request")) for name in names}
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("executor.v1.Runtime", methods),))
    port = server.add_insecure_port(sys.argv[2])
    server.start()
    print(f"listening on port {port}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.wait_for_termination()


main()
