package keeper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
)

// MaxRequest is the longest request, in bytes. Linux permits arguments and
// environment of a quarter of the stack limit, 2 MiB as a rule.
const MaxRequest = 8 << 20

// headerSize is the length of what stands before every request: its length.
const headerSize = 4

// ErrMalformed reports a request that makes no sense.
var ErrMalformed = errors.New("malformed request")

// Request says what to start. Its working directory is /, its process group its
// own. Descriptors 0 to 2 travel with the first byte, by SCM_RIGHTS.
//
// All numbers are unsigned, 4 bytes, big endian. After the length of the rest:
//
//	1 or 0      whether there is a credential; if so uid, gid, number of groups, groups
//	count       of arguments, then each, ended by a zero byte
//	count       of variables, then each, ended by a zero byte
type Request struct {
	Argv       []string // Argv[0] is the path of the program
	Env        []string
	Credential *syscall.Credential // nil: the keeper's own
}

// Append appends the request as it travels.
func (r Request) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = number(dst, 0)
	if c := r.Credential; c == nil {
		dst = number(dst, 0)
	} else {
		dst = number(number(number(number(dst, 1), int(c.Uid)), int(c.Gid)), len(c.Groups))
		for _, g := range c.Groups {
			dst = number(dst, int(g))
		}
	}
	for _, list := range [][]string{r.Argv, r.Env} {
		dst = number(dst, len(list))
		for _, s := range list {
			for i := range len(s) {
				if s[i] == 0 {
					return nil, fmt.Errorf("start process: %q holds a zero byte", s)
				}
			}
			dst = append(append(dst, s...), 0)
		}
	}
	size := len(dst) - start - headerSize
	if size > MaxRequest {
		return nil, fmt.Errorf("start process: arguments and environment take %d bytes, more than %d", size, MaxRequest)
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(size))
	return dst, nil
}

// parse reads what follows the length.
func parse(b []byte) (Request, error) {
	p := parser{rest: b}
	var r Request
	switch p.number() {
	case 0:
	case 1:
		r.Credential = &syscall.Credential{Uid: p.number(), Gid: p.number()}
		for range p.count(4) {
			r.Credential.Groups = append(r.Credential.Groups, p.number())
		}
	default:
		p.bad = true
	}
	r.Argv, r.Env = p.list(), p.list()
	if p.bad || len(p.rest) > 0 || len(r.Argv) == 0 {
		return Request{}, ErrMalformed
	}
	return r, nil
}

// parser takes a request apart. Once something is missing all is zero.
type parser struct {
	rest []byte
	bad  bool
}

func (p *parser) number() uint32 {
	if len(p.rest) < 4 {
		p.bad, p.rest = true, nil
		return 0
	}
	n := binary.BigEndian.Uint32(p.rest)
	p.rest = p.rest[4:]
	return n
}

// count reads how many elements of at least the given size follow.
func (p *parser) count(size int) int {
	n := int(p.number())
	if n > len(p.rest)/size {
		p.bad, p.rest = true, nil
		return 0
	}
	return n
}

func (p *parser) list() []string {
	n := p.count(1)
	list := make([]string, 0, n)
	for range n {
		end := bytes.IndexByte(p.rest, 0)
		if end < 0 {
			p.bad, p.rest = true, nil
			return nil
		}
		list = append(list, string(p.rest[:end]))
		p.rest = p.rest[end+1:]
	}
	return list
}

func number(dst []byte, n int) []byte { return binary.BigEndian.AppendUint32(dst, uint32(n)) }

// Kind says what a keeper reports.
type Kind uint32

const (
	Started Kind = 1 + iota // Value is the pid
	Failed                  // Value is the error number; nothing was started
	Exited                  // Value is the wait status of the task process
	Empty                   // nothing descends from the keeper any more; it takes the next request
)

// Report is what a keeper tells, in this order: Started, Exited and Empty, or
// Failed alone.
type Report struct {
	Kind  Kind
	Value uint32
}

// ReportSize is the length of a report, in bytes: kind and value.
const ReportSize = 8

// Append appends the report as it travels.
func (r Report) Append(dst []byte) []byte {
	return number(number(dst, int(r.Kind)), int(r.Value))
}

// ParseReport reads a report of ReportSize bytes.
func ParseReport(b []byte) Report {
	return Report{Kind(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])}
}
