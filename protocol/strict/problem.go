package strict

import (
	"fmt"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// MaxProblems is the most that one check reports. A last one of the rule TooMany
// says that there were more.
const MaxProblems = 50

// The rules of any value.
const (
	Truncated    = token.Truncated // the bytes end inside a value
	Reserved     = token.Reserved  // the byte 0xc1, which starts no value
	Depth        = token.Depth     // more than 100 arrays and maps inside one another
	Trailing     = token.Trailing  // bytes after the value
	UTF8         = "utf-8"         // a string that is not UTF-8
	KeyType      = "key-type"      // a key that is no string
	DuplicateKey = "duplicate-key" // a key that stands twice in one map
	Timestamp    = "timestamp"     // an extension -1 of another size than 4, 8 or 12, or with too many nanoseconds
	Extension    = "extension"     // an extension that is no timestamp
	NotShortest  = "not-shortest"  // a longer header than the value needs: a Note
	TooMany      = "too-many"      // more problems than MaxProblems
)

// The rules of the envelope.
const (
	NoArray      = "no-array"      // the payload is no array
	Arity        = "arity"         // another number of elements than 3, or 2 to 4 of a request
	ID           = "id"            // the id is no integer of 0..2^63-1
	Body         = "body"          // the body is missing or no map
	Type         = "type"          // a body or error without a string under "type"
	Carrier      = "carrier"       // the trace context is no map of strings
	TaskInstance = "task-instance" // the fourth element of a request is no string
	Refusal      = "refusal"       // the error is no map, or stands beside a body
)

// Severity tells a fault from a remark.
type Severity string

const (
	Fault Severity = "error" // no conforming sender does this
	Note  Severity = "note"  // permitted, though nobody needs it
)

// Problem is one thing that is wrong with a payload.
type Problem struct {
	Offset   int // bytes from the start of the payload
	Rule     string
	Severity Severity
	Text     string
}

func (p Problem) String() string {
	return fmt.Sprintf("byte %d: %s (%s, %s)", p.Offset, p.Text, p.Rule, p.Severity)
}

// Faults returns the problems that are not notes.
func Faults(problems []Problem) []Problem {
	var faults []Problem
	for _, p := range problems {
		if p.Severity == Fault {
			faults = append(faults, p)
		}
	}
	return faults
}
