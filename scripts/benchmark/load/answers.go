package main

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand"
	"strings"
	"sync"
)

// What one model call says it used. The benchmark multiplies these by the calls it made.
const (
	promptTokens    = 1000
	candidateTokens = 2000
	totalTokens     = 3000
)

const (
	blockEvents = 256
	chunkBytes  = 16 << 10 // of coded answers, which have no event borders to cut at
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// words makes text that compresses about as well as prose does; the same for the same seed.
func words(random *rand.Rand, size int) string {
	const syllables = "ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu ra re ri ro ru sa se si so su ta te ti to tu"
	parts := strings.Fields(syllables)
	var out strings.Builder
	for out.Len() < size {
		// Few words are frequent and many are rare, as in any language.
		rank := int(random.ExpFloat64() * 40)
		word := rand.New(rand.NewSource(int64(rank)))
		for n := 1 + word.Intn(3); n > 0; n-- {
			out.WriteString(parts[word.Intn(len(parts))])
		}
		out.WriteByte(' ')
	}
	return out.String()[:size]
}

// event renders one SSE event of a Code Assist answer. As on the wire, each of them carries the
// usage so far and only the last one's counts.
func event(text string, candidates int, last bool) []byte {
	finish := ""
	if last {
		finish = `,"finishReason":"STOP"`
	}
	return []byte(fmt.Sprintf(`data: {"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"%s"}]}%s}],`+
		`"usageMetadata":{"promptTokenCount":%d,"candidatesTokenCount":%d,"totalTokenCount":%d},`+
		`"modelVersion":"gemini-3-flash","responseId":"r7Kq"},"traceId":"9f31c2","metadata":{}}`+"\r\n\r\n",
		text, finish, promptTokens, candidates, promptTokens+candidates))
}

func smallAnswer() []byte {
	return []byte(fmt.Sprintf(`{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"%s"}]},"finishReason":"STOP"}],`+
		`"usageMetadata":{"promptTokenCount":%d,"candidatesTokenCount":%d,"totalTokenCount":%d},`+
		`"modelVersion":"gemini-3-flash","responseId":"r7Kq"},"traceId":"9f31c2"}`,
		words(rand.New(rand.NewSource(7)), 256), promptTokens, candidateTokens, totalTokens))
}

// bulk is a full-speed answer: head once, block as often as asked, then tail. Everything is
// rendered before the first request. Cuts are where an HTTP/1.1 chunk of the block ends.
type bulk struct {
	coding            string
	head, block, tail []byte
	cuts              []int
	plain             []byte // of the block, for the checksum in a gzip trailer
	lastPlain         []byte

	mutex    sync.Mutex
	trailers map[int][]byte
}

func newBulk(coding string, eventBytes int) *bulk {
	random := rand.New(rand.NewSource(1))
	body := &bulk{coding: coding, trailers: map[int][]byte{}}
	empty := len(event("", 100, false))
	var cuts []int
	for i := 0; i < blockEvents; i++ {
		size := eventBytes - empty
		if size < 1 {
			size = 1
		}
		body.plain = append(body.plain, event(words(random, size), 100+i, false)...)
		cuts = append(cuts, len(body.plain))
	}
	body.lastPlain = event("", candidateTokens, true)
	if coding != "gzip" {
		body.block, body.tail, body.cuts = body.plain, body.lastPlain, cuts
		return body
	}
	body.head = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	// A block that ends with a flush and looks back at nothing may be repeated as it is.
	body.block = deflated(body.plain, false)
	body.tail = deflated(body.lastPlain, true)
	for at := chunkBytes; at < len(body.block); at += chunkBytes {
		body.cuts = append(body.cuts, at)
	}
	body.cuts = append(body.cuts, len(body.block))
	return body
}

func deflated(plain []byte, final bool) []byte {
	var out bytes.Buffer
	writer, err := flate.NewWriter(&out, 6)
	if err != nil {
		panic(err)
	}
	_, _ = writer.Write(plain)
	if final {
		_ = writer.Close()
	} else {
		_ = writer.Flush()
	}
	return out.Bytes()
}

// ratio says how much smaller the coded block is.
func (b *bulk) ratio() float64 { return float64(len(b.plain)) / float64(len(b.block)) }

// blocks is how often the block fits in that many octets, once at least.
func (b *bulk) blocks(size int) int {
	if n := size / len(b.block); n > 1 {
		return n
	}
	return 1
}

// ending is what follows the blocks: the last event and, coded, the trailer over all of them.
func (b *bulk) ending(blocks int) []byte {
	if b.coding != "gzip" {
		return b.tail
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if known, ok := b.trailers[blocks]; ok {
		return known
	}
	sum := uint32(0)
	for i := 0; i < blocks; i++ {
		sum = crc32.Update(sum, crc32.IEEETable, b.plain)
	}
	sum = crc32.Update(sum, crc32.IEEETable, b.lastPlain)
	out := append([]byte{}, b.tail...)
	out = binary.LittleEndian.AppendUint32(out, sum)
	out = binary.LittleEndian.AppendUint32(out, uint32(blocks*len(b.plain)+len(b.lastPlain)))
	b.trailers[blocks] = out
	return out
}

// truth is length and checksum of the whole body, for the client to compare.
func (b *bulk) truth(blocks int) (int64, uint32) {
	sum := crc32.Update(0, castagnoli, b.head)
	for i := 0; i < blocks; i++ {
		sum = crc32.Update(sum, castagnoli, b.block)
	}
	end := b.ending(blocks)
	return int64(len(b.head) + blocks*len(b.block) + len(end)), crc32.Update(sum, castagnoli, end)
}

// chunked frames bytes for HTTP/1.1, one chunk for each cut.
func chunked(data []byte, cuts []int) []byte {
	var out []byte
	from := 0
	for _, to := range cuts {
		out = append(out, fmt.Sprintf("%x\r\n", to-from)...)
		out = append(out, data[from:to]...)
		out = append(out, "\r\n"...)
		from = to
	}
	return out
}

// A paced event carries its number and when it was sent between two marks, at fixed width.
const (
	mark       = "@#"
	markBytes  = len(mark) + 8 + 1 + 19 + len(mark)
	markFormat = mark + "%08d.%019d" + mark
)

func pacedEvent(sequence int, now int64, last bool) []byte {
	candidates := sequence + 1
	if last {
		candidates = candidateTokens
	}
	return event(fmt.Sprintf(markFormat, sequence, now)+" some words as a model would say them, one token after the other", candidates, last)
}

// marks finds the events of a stream in whatever pieces it comes.
type marks struct {
	rest []byte
}

// feed calls found for each event in the order of arrival.
func (m *marks) feed(data []byte, found func(sequence int, sent int64)) {
	if len(m.rest) > 0 {
		data = append(m.rest, data...)
	}
	for {
		at := bytes.Index(data, []byte(mark))
		if at < 0 {
			if len(data) > 0 {
				data = data[len(data)-1:]
			}
			break
		}
		if len(data)-at < markBytes {
			data = data[at:]
			break
		}
		found(number(data[at+2:at+10]), int64(number(data[at+11:at+30])))
		data = data[at+markBytes:]
	}
	m.rest = append([]byte{}, data...)
}

func number(digits []byte) int {
	n := 0
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
}
