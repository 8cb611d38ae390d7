package upstream

import (
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
)

// coder is a content coding under way; Flush makes everything written so far decodable.
type coder interface {
	io.Writer
	Flush() error
	Close() error
}

// compressor is a coder that costs much to make and can be used again.
type compressor interface {
	coder
	Reset(to io.Writer)
}

var compressors = map[string]*sync.Pool{
	"gzip":    {New: func() any { return gzip.NewWriter(nil) }},
	"deflate": {New: func() any { return zlib.NewWriter(nil) }},
	"raw-deflate": {New: func() any {
		w, _ := flate.NewWriter(nil, flate.DefaultCompression)
		return w
	}},
}

// pooled is a compressor that goes back when it is closed, which must be the last that is done with it.
type pooled struct {
	compressor
	pool *sync.Pool
}

func newPooled(to io.Writer, coding string) *pooled {
	p := &pooled{pool: compressors[coding]}
	p.compressor = p.pool.Get().(compressor)
	p.Reset(to)
	return p
}

func (p *pooled) Close() error {
	err := p.compressor.Close()
	p.pool.Put(p.compressor)
	p.compressor = nil
	return err
}

// newCoder applies content codings in the order of the header field: the first one first.
func newCoder(to io.Writer, codings string) (coder, error) {
	names := strings.Split(codings, "+")
	stack := &coderStack{}
	out := to
	// The last coding writes to the wire, so the chain is made from its end.
	for i := len(names) - 1; i >= 0; i-- {
		var c coder
		switch names[i] {
		case "gzip", "deflate", "raw-deflate":
			c = newPooled(out, names[i])
		case "br":
			c = &storedBrotli{to: out}
		case "zstd":
			c = &storedZstd{to: out}
		case "x-fake":
			c = &scrambler{to: out}
		default:
			return nil, fmt.Errorf("unknown coding %q; known: gzip deflate raw-deflate br zstd x-fake", names[i])
		}
		stack.list = append([]coder{c}, stack.list...)
		out = c
	}
	return stack, nil
}

// codingHeader is the value of Content-Encoding for the parameter coding=.
func codingHeader(codings string) string {
	return strings.ReplaceAll(strings.ReplaceAll(codings, "raw-deflate", "deflate"), "+", ", ")
}

type coderStack struct{ list []coder }

func (s *coderStack) Write(p []byte) (int, error) { return s.list[0].Write(p) }

func (s *coderStack) Flush() error {
	for _, c := range s.list {
		if err := c.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (s *coderStack) Close() error {
	for _, c := range s.list {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

// storedBrotli writes uncompressed meta-blocks, RFC 7932 section 9.2: valid, and any decoder reads it.
type storedBrotli struct {
	to    io.Writer
	begun bool
}

func (b *storedBrotli) Write(p []byte) (int, error) {
	const most = 1 << 16
	done := 0
	for done < len(p) {
		n := len(p) - done
		if n > most {
			n = most
		}
		// ISLAST=0 (1 bit), MNIBBLES=4 as 00 (2), MLEN-1 (16), ISUNCOMPRESSED=1 (1), then to the octet.
		bits, at := uint32(n-1)<<3|1<<19, 0
		if !b.begun {
			at = 1 // WBITS=16 is one bit, 0
			b.begun = true
		}
		var head [4]byte
		binary.LittleEndian.PutUint32(head[:], bits<<at)
		if _, err := b.to.Write(append(append([]byte{}, head[:3]...), p[done:done+n]...)); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func (b *storedBrotli) Flush() error { return nil }

func (b *storedBrotli) Close() error {
	last := []byte{3} // ISLAST=1, ISLASTEMPTY=1
	if !b.begun {
		last = []byte{6} // after WBITS=16
	}
	_, err := b.to.Write(last)
	return err
}

// storedZstd writes raw blocks, RFC 8878 section 3.1.1.
type storedZstd struct {
	to    io.Writer
	begun bool
}

func (z *storedZstd) begin() error {
	if z.begun {
		return nil
	}
	z.begun = true
	// Magic number; no content size, no checksum, no dictionary; a window of 1 MiB.
	_, err := z.to.Write([]byte{0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x50})
	return err
}

func (z *storedZstd) Write(p []byte) (int, error) {
	if err := z.begin(); err != nil {
		return 0, err
	}
	const most = 128 << 10
	done := 0
	for done < len(p) {
		n := len(p) - done
		if n > most {
			n = most
		}
		head := uint32(n) << 3
		block := append([]byte{byte(head), byte(head >> 8), byte(head >> 16)}, p[done:done+n]...)
		if _, err := z.to.Write(block); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func (z *storedZstd) Flush() error { return z.begin() }

func (z *storedZstd) Close() error {
	if err := z.begin(); err != nil {
		return err
	}
	_, err := z.to.Write([]byte{1, 0, 0})
	return err
}

// scrambler is a coding that nobody knows.
type scrambler struct{ to io.Writer }

func (s *scrambler) Write(p []byte) (int, error) {
	out := make([]byte, len(p))
	for i, b := range p {
		out[i] = b ^ 0x5A
	}
	return s.to.Write(out)
}

func (s *scrambler) Flush() error { return nil }
func (s *scrambler) Close() error { return nil }

// Coder is a content coding under way; Flush makes everything written so far decodable.
type Coder = coder

// NewCoder applies the codings named in `codings`, joined with "+": the first one first.
func NewCoder(to io.Writer, codings string) (Coder, error) { return newCoder(to, codings) }

// CodingHeader is the value of Content-Encoding for the same codings.
func CodingHeader(codings string) string { return codingHeader(codings) }
