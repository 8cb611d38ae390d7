package pb

import (
	"encoding/binary"
	"fmt"
	"io"
)

// MaxEnvelope bounds one Connect stream message.
const MaxEnvelope = 16 << 20

// EndOfStream is the flag of the last envelope of a Connect stream.
const EndOfStream = 0x02

// Envelope frames one Connect stream message: flags, big-endian length, payload.
func Envelope(flags byte, payload []byte) []byte {
	out := make([]byte, 5, 5+len(payload))
	out[0] = flags
	binary.BigEndian.PutUint32(out[1:], uint32(len(payload)))
	return append(out, payload...)
}

// ReadEnvelope reads one framed message. A length above MaxEnvelope is an error, which is also what
// an unframed body ends in.
func ReadEnvelope(r io.Reader) (flags byte, payload []byte, err error) {
	var head [5]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > MaxEnvelope {
		return 0, nil, fmt.Errorf("promised %d bytes in enveloped message", size)
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(r, payload)
	return head[0], payload, err
}
