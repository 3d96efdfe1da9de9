package facts

import (
	"bytes"
	"fmt"
)

// mostMarks is how many marks between values one YAML document may have: a parsed value takes some hundred bytes,
// however short it is. What kubectl writes has about ten million in MaxFile.
const mostMarks = 16 << 20

// marks counts what stands between the values of a YAML document, and bounds their number.
func marks(text []byte) int {
	n := 0
	for _, mark := range []string{"\n", ",", ":"} {
		n += bytes.Count(text, []byte(mark))
	}
	return n
}

// tooManyValues is the error for a document that would take too much memory; nil for others.
func tooManyValues(text []byte, line int) error {
	if len(text) <= mostMarks || marks(text) <= mostMarks {
		return nil
	}
	return fmt.Errorf("line %d: a YAML document of more than %d million values, the most that is read; JSON takes less memory: kubectl get -o json", line, mostMarks>>20)
}
