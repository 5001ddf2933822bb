// Package scenarios carries the data of the suite: the requirements, the index
// of all cases, and the mutants. It imports no scenario, so that the outer
// command can read the data without the tree of specs behind it.
package scenarios

import (
	"embed"
	"io/fs"
)

//go:generate sh -c "go run ../cmd/understudy-worker index >index.new && mv index.new index.json || { rm -f index.new; exit 1; }"

//go:embed catalogue/*.yaml index.json mutants
var files embed.FS

// Catalogue holds one YAML file an area.
func Catalogue() fs.FS { return folder("catalogue") }

// Mutants holds one YAML file a mutant.
func Mutants() fs.FS { return folder("mutants") }

// Index is the case index, a JSON list of plan.Case. `understudy-worker index`
// prints it from the built tree; the copy here is compared with the tree by a test.
func Index() []byte {
	text, err := files.ReadFile("index.json")
	if err != nil {
		panic(err) // embedded at build time: cannot be absent
	}
	return text
}

func folder(name string) fs.FS {
	sub, err := fs.Sub(files, name)
	if err != nil {
		panic(err) // the name is a constant above
	}
	return sub
}
