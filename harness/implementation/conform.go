package implementation

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is the published JSON Schema of a manifest.
//
//go:embed schema.json
var Schema []byte

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		return nil, fmt.Errorf("read the manifest schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		return nil, fmt.Errorf("read the manifest schema: %w", err)
	}
	return compiler.Compile("schema.json")
})

// conform holds the document against the schema and turns every violation into a sentence.
func conform(value any, places *places) []Problem {
	schema, err := compiled()
	if err != nil {
		return []Problem{{What: err.Error(), Remedy: "this is a fault of Understudy"}}
	}
	if value, err = plain(value); err != nil {
		return []Problem{{What: "holds what JSON cannot: " + err.Error(), Remedy: "use text, numbers, lists and maps only"}}
	}
	err = schema.Validate(value)
	var violation *jsonschema.ValidationError
	if !errors.As(err, &violation) {
		return nil
	}
	var problems []Problem
	for _, leaf := range leaves(violation) {
		problems = append(problems, sentences(leaf, places)...)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return problems
}

// plain turns numbers and keys of YAML into those of JSON.
func plain(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

func leaves(v *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(v.Causes) == 0 {
		return []*jsonschema.ValidationError{v}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range v.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}

var english = message.NewPrinter(language.English)

func sentences(v *jsonschema.ValidationError, places *places) []Problem {
	at := func(path []string, what, remedy string) Problem {
		return Problem{Line: places.line(path...), Where: dotted(path...), What: what, Remedy: remedy}
	}
	here := v.InstanceLocation
	switch k := v.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		var problems []Problem
		for _, name := range k.Properties {
			path := append(slices.Clone(here), name)
			problems = append(problems, at(path, "unknown key", "remove it, or see docs/contract.md for the keys"))
		}
		return problems
	case *kind.Required:
		var problems []Problem
		for _, name := range k.Missing {
			problems = append(problems, at(append(slices.Clone(here), name), "missing", "add it; docs/contract.md says what belongs there"))
		}
		return problems
	case *kind.Enum:
		return []Problem{at(here, "is "+quoted(k.Got), "use one of "+choices(k.Want))}
	case *kind.Const:
		return []Problem{at(here, "is "+quoted(k.Got), "this version of Understudy reads "+quoted(k.Want))}
	case *kind.Type:
		return []Problem{at(here, "is of type "+k.Got, "write "+article(k.Want))}
	case *kind.Pattern:
		return []Problem{at(here, "is "+quoted(k.Got), "use small letters, digits and - only")}
	case *kind.MinItems:
		return []Problem{at(here, "is an empty list", "write what belongs there, or remove the key")}
	case *kind.MinLength:
		return []Problem{at(here, "is empty", "write what belongs there, or remove the key")}
	case *kind.Minimum:
		return []Problem{at(here, "is "+decimal(k.Got), "write a number of at least "+decimal(k.Want))}
	case *kind.Maximum:
		return []Problem{at(here, "is "+decimal(k.Got), "write a number of at most "+decimal(k.Want))}
	}
	return []Problem{at(here, v.ErrorKind.LocalizedString(english), "see docs/contract.md")}
}

func quoted(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

func choices(values []any) string {
	var words []string
	for _, value := range values {
		words = append(words, fmt.Sprint(value))
	}
	return strings.Join(words, ", ")
}

// article names types as YAML's authors think of them.
func article(types []string) string {
	words := map[string]string{"array": "a list", "object": "a map", "string": "text (quote it if it looks like a number)", "number": "a number"}
	var wanted []string
	for _, t := range types {
		wanted = append(wanted, words[t])
	}
	return strings.Join(wanted, " or ")
}

func decimal(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}
