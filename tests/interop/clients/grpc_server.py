"""A gRPC server of Debian's python3-grpcio without a schema: grpc_server.py ADDRESS CERTIFICATE KEY"""

import sys
import time
from concurrent import futures

import grpc

SERVICE = 'agp.interop.Calls'
NO_LIMIT = [('grpc.max_receive_message_length', -1), ('grpc.max_send_message_length', -1), ('grpc.so_reuseport', 0)]


def unary(request, context):
    context.send_initial_metadata((('x-first', 'one'),))
    context.set_trailing_metadata((('x-last', 'two'), ('x-last-bin', b'\x00\x01\xff')))
    return request


def server_stream(request, _context):
    count, size = map(int, request.split())
    for number in range(count):
        yield bytes([number % 256]) * (size + number % 3)


def client_stream(requests, _context):
    sizes = [len(request) for request in requests]
    return f'{len(sizes)} {sum(sizes)}'.encode()


def bidi(requests, _context):
    for request in requests:
        yield request[::-1]


def big(request, _context):
    return b'\xa5' * int(request)


def fail(_request, context):
    context.abort(grpc.StatusCode.PERMISSION_DENIED, 'not today, naïve one')


def fail_late(_request, context):
    yield b'one'
    context.abort(grpc.StatusCode.DATA_LOSS, 'after one message')


def hang(_request, context):
    yield b'begun'
    while context.is_active():
        time.sleep(0.01)


def main():
    address, certificate, key = sys.argv[1:]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=NO_LIMIT)
    handlers = {'Unary': grpc.unary_unary_rpc_method_handler(unary),
                'Big': grpc.unary_unary_rpc_method_handler(big),
                'Fail': grpc.unary_unary_rpc_method_handler(fail),
                'ServerStream': grpc.unary_stream_rpc_method_handler(server_stream),
                'FailLate': grpc.unary_stream_rpc_method_handler(fail_late),
                'Hang': grpc.unary_stream_rpc_method_handler(hang),
                'ClientStream': grpc.stream_unary_rpc_method_handler(client_stream),
                'Bidi': grpc.stream_stream_rpc_method_handler(bidi)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    pair = (open(key, 'rb').read(), open(certificate, 'rb').read())
    if server.add_secure_port(address, grpc.ssl_server_credentials([pair])) == 0:
        raise SystemExit(f'cannot listen on {address}')
    server.start()
    server.wait_for_termination()


main()
