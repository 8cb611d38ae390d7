"""Every kind of gRPC call, one line of output each: grpc_client.py HOST:PORT"""

import hashlib
import os
import sys

import grpc

SERVICE = '/agp.interop.Calls/'
NO_LIMIT = [('grpc.max_receive_message_length', -1), ('grpc.max_send_message_length', -1)]


def show(name, *values):
    print(name, *(hashlib.sha256(v).hexdigest() if isinstance(v, bytes) and len(v) > 64 else repr(v) for v in values), flush=True)


def failure(name, call):
    try:
        got = call()
        show(name, 'no error', got)
    except grpc.RpcError as error:
        show(name, error.code().name, error.details())


def main():
    root = open(os.environ['SSL_CERT_FILE'], 'rb').read()
    with grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials(root), options=NO_LIMIT) as channel:
        unary = lambda name: channel.unary_unary(SERVICE + name)
        answer, call = unary('Unary').with_call(b'hello', timeout=30, metadata=(('x-ask', 'yes'),))
        last = dict(call.trailing_metadata())
        show('unary', answer, dict(call.initial_metadata()).get('x-first'), last.get('x-last'), last.get('x-last-bin'))
        show('empty', unary('Unary')(b'', timeout=30))
        show('big answer', unary('Big')(str(64 << 20).encode(), timeout=120))
        show('big request', channel.stream_unary(SERVICE + 'ClientStream')(iter([b'x' * (64 << 20)]), timeout=120))
        show('server stream', b''.join(channel.unary_stream(SERVICE + 'ServerStream')(b'500 700', timeout=60)))
        show('no message', list(channel.unary_stream(SERVICE + 'ServerStream')(b'0 0', timeout=60)))
        show('client stream', channel.stream_unary(SERVICE + 'ClientStream')((b'x' * n for n in range(300)), timeout=60))
        sent = [bytes([n % 256]) * (n * 13) for n in range(200)]
        show('bidi', b''.join(channel.stream_stream(SERVICE + 'Bidi')(iter(sent), timeout=60)))
        failure('trailers alone', lambda: unary('Fail')(b'', timeout=30))
        failure('late failure', lambda: list(channel.unary_stream(SERVICE + 'FailLate')(b'', timeout=30)))
        failure('unknown method', lambda: unary('Nothing')(b'', timeout=30))
        hanging = channel.unary_stream(SERVICE + 'Hang')(b'', timeout=30)
        show('cancelled', next(hanging), hanging.cancel())
        show('after a cancel', unary('Unary')(b'still there', timeout=30))


main()
