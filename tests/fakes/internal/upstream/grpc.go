package upstream

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxMessage bounds one gRPC message; 64 MiB is the largest that the tests send.
const maxMessage = 64<<20 + 1024

func isGRPC(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

func readMessage(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err // io.EOF: the client has sent its last message
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxMessage {
		return nil, fmt.Errorf("message of %d octets", n)
	}
	message := make([]byte, n)
	_, err := io.ReadFull(r, message)
	return message, err
}

func writeMessage(w io.Writer, message []byte) error {
	var head [5]byte
	binary.BigEndian.PutUint32(head[1:], uint32(len(message)))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(message)
	return err
}

// grpc plays /agp.test.Echo/METHOD with octets for messages, so that no schema is needed.
func (x *exchange) grpc() {
	h := x.w.Header()
	h.Set("Content-Type", "application/grpc")
	digest := sha256.New()
	defer func() { x.call.RequestSHA256 = hex.EncodeToString(digest.Sum(nil)) }()
	next := func() ([]byte, error) {
		message, err := readMessage(x.r.Body)
		if err == nil {
			x.call.RequestLength += int64(len(message)) + 5
			digest.Write(message)
		}
		return message, err
	}
	send := func(message []byte) {
		if err := writeMessage(x.sink, message); err != nil {
			x.call.ClientGone = true
			panic(http.ErrAbortHandler)
		}
		x.flush()
	}
	status, text := "0", ""
	method := strings.TrimPrefix(x.r.URL.Path, "/agp.test.Echo/")
	first := func() []byte {
		message, err := next()
		if err != nil {
			status, text = "13", err.Error()
		}
		return message
	}
	switch method {
	case "Unary":
		if message := first(); status == "0" {
			send(message)
		}
	case "Empty":
		if first(); status == "0" {
			send(nil)
		}
	case "Big": // the request says how many octets the answer has
		if message := first(); status == "0" {
			size, _ := strconv.Atoi(string(message))
			send(pattern(size))
		}
	case "ServerStream": // "COUNT SIZE"
		if message := first(); status == "0" {
			var count, size int
			fmt.Sscan(string(message), &count, &size)
			for i := 0; i < count; i++ {
				send(pattern(size + i%3))
			}
		}
	case "ClientStream":
		count, octets := 0, 0
		for {
			message, err := next()
			if err != nil {
				break
			}
			count++
			octets += len(message)
		}
		send([]byte(fmt.Sprintf("%d %d", count, octets)))
	case "Bidi":
		for {
			message, err := next()
			if err != nil {
				break
			}
			send(message)
		}
	case "FailLate":
		send([]byte("one message, then an error"))
		status, text = "13", "late failure"
	case "Fail": // trailers alone: one HEADERS frame with END_STREAM
		h.Set("Grpc-Status", "7")
		h.Set("Grpc-Message", "never")
		x.w.WriteHeader(200)
		return
	default:
		h.Set("Grpc-Status", "12")
		h.Set("Grpc-Message", "unknown method")
		x.w.WriteHeader(200)
		return
	}
	h.Set(http.TrailerPrefix+"Grpc-Status", status)
	h.Set(http.TrailerPrefix+"Grpc-Message", text)
	h.Set(http.TrailerPrefix+"X-Fake-Bin", "AAEC")
}

// pattern is filler that shows a lost or doubled octet.
func pattern(size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(i*7 + i>>8)
	}
	return out
}
