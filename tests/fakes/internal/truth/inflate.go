package truth

import (
	"bytes"
	"compress/flate"
	"io"
)

// inflated is as much as can be decoded of a deflate stream that was cut.
func inflated(coded []byte, zlibHead bool) string {
	if zlibHead {
		if len(coded) < 2 {
			return ""
		}
		coded = coded[2:]
	}
	out, _ := io.ReadAll(flate.NewReader(bytes.NewReader(coded)))
	return string(out)
}
