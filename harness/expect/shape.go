package expect

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// example shows what a list looks like.
const example = `- case: IMP-003/*
  actual: 'sudo: .* not allowed'
  reason: why it is known
  cause: implementation`

var keys = []string{"case", "requirement", "role", "airflow", "outcome", "actual", "reason", "issue", "cause", "intermittent", "until"}

// entriesOf finds the entries of a document, and what in it is of another shape than
// a list of entries; such a problem begins with its line.
func entriesOf(document *yaml.Node) (entries []*yaml.Node, problems []error) {
	problem := func(at *yaml.Node, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%d: "+format, append([]any{at.Line}, args...)...))
	}
	list := document.Content[0]
	switch {
	case list.Tag == "!!null":
		return nil, nil
	case list.Kind != yaml.SequenceNode:
		problem(list, "the list of known deviations has to be a YAML list of entries, such as\n%s", example)
		return nil, problems
	}
	for _, e := range list.Content {
		switch {
		case e.Tag == "!!null":
			problem(e, "an empty entry: remove it")
			continue
		case e.Kind != yaml.MappingNode:
			problem(e, "is no entry: write one such as\n%s", example)
			continue
		}
		entries = append(entries, e)
		for i := 0; i+1 < len(e.Content); i += 2 {
			key, value := e.Content[i], e.Content[i+1]
			switch {
			case !slices.Contains(keys, key.Value):
				problem(key, "%q: unknown key: use one of %s", key.Value, strings.Join(keys, ", "))
			case value.Kind != yaml.ScalarNode:
				problem(value, "%s has to be one text: put it between quotation marks", key.Value)
			case key.Value == "intermittent" && value.Tag != "!!bool":
				problem(value, "intermittent is %q: use true or false", value.Value)
			}
		}
	}
	return entries, problems
}
