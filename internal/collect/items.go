package collect

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// fullPages is how many pages a server may send at once where one was asked for. API servers send one; what stands
// before or behind them may ignore the limit, and everything that there is does not fit into memory.
const fullPages = 20

// counted stops the answer to a list that has far more items than were asked for.
func counted(req *http.Request, body io.ReadCloser) io.ReadCloser {
	limit, err := strconv.Atoi(req.URL.Query().Get("limit"))
	if err != nil || limit <= 0 {
		return body
	}
	return &countedBody{ReadCloser: body, asked: limit}
}

type countedBody struct {
	io.ReadCloser
	asked int
	count func([]byte) int // nil before the first byte
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if n == 0 {
		return n, err
	}
	if c.count == nil {
		c.count = new(jsonItems).count
		if p[0] == protobufMagic[0] {
			c.count = (&protobufItems{skip: uint64(len(protobufMagic))}).count
		}
	}
	if sent := c.count(p[:n]); sent > fullPages*c.asked {
		return 0, fmt.Errorf("%d objects were asked for, and the server sends more than %d at once: reading was stopped", c.asked, fullPages*c.asked)
	}
	return n, err
}

// jsonItems counts the objects in the lists of a JSON object, as the text comes.
type jsonItems struct {
	depth, items    int
	inText, escaped bool
	inList          bool // the second level is a list
}

func (j *jsonItems) count(text []byte) int {
	for _, b := range text {
		switch {
		case j.escaped:
			j.escaped = false
		case j.inText:
			j.escaped, j.inText = b == '\\', b != '"'
		case b == '"':
			j.inText = true
		case b == '{' || b == '[':
			j.open(b)
		case b == '}' || b == ']':
			j.depth--
		}
	}
	return j.items
}

func (j *jsonItems) open(b byte) {
	j.depth++
	switch {
	case j.depth == 2:
		j.inList = b == '['
	case j.depth == 3 && j.inList:
		j.items++
	}
}

// protobufItems counts the items of a list in protobuf, as the bytes come: those of field 2 of the list, which is
// field 2 of the envelope.
type protobufItems struct {
	skip   uint64 // bytes that are of no interest
	inside bool   // the list, not the envelope
	number uint64 // that is being read
	shift  uint
	tag    uint64 // of which the length or value is read; 0 is none
	items  int
}

func (c *protobufItems) count(bytes []byte) int {
	for len(bytes) > 0 {
		if skip := min(c.skip, uint64(len(bytes))); skip > 0 {
			c.skip -= skip
			bytes = bytes[skip:]
			continue
		}
		b := bytes[0]
		bytes = bytes[1:]
		c.number |= uint64(b&0x7f) << c.shift
		if c.shift += 7; b >= 0x80 && c.shift < 64 {
			continue
		}
		c.take(c.number)
		c.number, c.shift = 0, 0
	}
	return c.items
}

// take takes a number that is complete: a tag, then what belongs to it.
func (c *protobufItems) take(number uint64) {
	const value, sixtyFour, length, thirtyTwo = 0, 1, 2, 5
	if c.tag == 0 {
		switch number & 7 {
		case sixtyFour:
			c.skip = 8
		case thirtyTwo:
			c.skip = 4
		case value, length:
			c.tag = number
		}
		return
	}
	field, kind := c.tag>>3, c.tag&7
	c.tag = 0
	switch {
	case kind == value:
	case field == rawField && !c.inside:
		c.inside = true
	case field == 2 && c.inside:
		c.items++
		c.skip = number
	default:
		c.skip = number
	}
}
