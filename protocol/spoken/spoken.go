// Package spoken holds what releases of Airflow say and take, as data: a file a minor
// release, written by extract.py from the released packages themselves and never by
// hand. A release serves the API versions of older ones, too, but not as those did, so
// each release speaks for itself only.
//
// A new release is a new file, made as extract.py says.
package spoken

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/understudy-conformance/understudy/protocol/release"
)

// Release is one release of Airflow.
type Release struct {
	Airflow release.Version `json:"airflow"`
	SDK     string          `json:"sdk"` // version of the task SDK
	Frames  Frames          `json:"frames"`
	API     API             `json:"api"`
}

// Frames are the messages between a supervisor and its runner.
type Frames struct {
	Elements  []string          `json:"elements"` // of a request, by name; those at the end may be left out
	Requests  []string          `json:"requests"` // types that a runner may send
	Responses []string          `json:"responses"`
	Objects   map[string]Object `json:"objects"` // messages, without their key "type", and what they are made of
}

// API is the Execution API in the newest version that the release has.
type API struct {
	Version    string               `json:"version"`    // 2026-06-30, what Airflow-API-Version says
	Operations map[string]Operation `json:"operations"` // by method and path: "PUT /task-instances/{task_instance_id}/heartbeat"
	Objects    map[string]Object    `json:"objects"`
}

// Operation is one operation of the API.
type Operation struct {
	Answers []int  `json:"answers"` // statuses that it declares; those of broken servers and proxies are not among them
	Body    Type   `json:"body"`    // what is sent; "" is nothing
	Answer  Type   `json:"answer"`  // what is answered where that succeeds
	Query   Fields `json:"query"`
}

// Declares says whether the operation may be answered by that status.
func (o Operation) Declares(status int) bool { return slices.Contains(o.Answers, status) }

// Object is a map with known keys. Closed, it has no others.
type Object struct {
	Closed bool `json:"closed"`
	Fields
}

// Fields are keys with the type of their values.
type Fields struct {
	Required map[string]Type `json:"required"`
	Optional map[string]Type `json:"optional"`
}

// Field finds a key.
func (f Fields) Field(name string) (of Type, required, there bool) {
	if of, there = f.Required[name]; there {
		return of, true, true
	}
	of, there = f.Optional[name]
	return of, false, there
}

// Type is what a value may be: alternatives with | between them, as extract.py says.
type Type string

// Alternatives parts a type at each | that stands in no list.
func (t Type) Alternatives() []Type {
	var parts []Type
	depth, from := 0, 0
	for i, c := range t {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == '|' && depth == 0:
			parts, from = append(parts, t[from:i]), i+1
		}
	}
	return append(parts, t[from:])
}

// Nullable says whether null is among the alternatives.
func (t Type) Nullable() bool {
	return slices.ContainsFunc(t.Alternatives(), func(one Type) bool { return one == "null" || one == "any" })
}

// Element is the type of the elements where t is a list and nothing else.
func (t Type) Element() (Type, bool) {
	inside, is := strings.CutPrefix(string(t), "[")
	if !is || len(t.Alternatives()) > 1 {
		return "", false
	}
	return Type(strings.TrimSuffix(inside, "]")), true
}

//go:embed 3.3.json 3.4.json
var files embed.FS

// All are the releases that are known, oldest first. The list is not to be changed.
var All = sync.OnceValue(func() []*Release {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded at build time
	}
	var all []*Release
	for _, entry := range entries {
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			panic(err)
		}
		r := new(Release)
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(r); err != nil {
			panic(fmt.Sprintf("%s: %v", entry.Name(), err)) // a test reads all
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Release) int { return a.Airflow.Compare(b.Airflow) })
	return all
})
