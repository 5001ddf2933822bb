package logs

import (
	"encoding/json"
	"strings"
)

// wrapped returns the texts of records, the JSON objects among the lines of a log, that
// are, or end in, a JSON record themselves.
func wrapped(log string) []string {
	var texts []string
	for line := range strings.Lines(log) {
		var record, inner map[string]any
		if json.Unmarshal([]byte(line), &record) != nil {
			continue
		}
		text, _ := record["event"].(string)
		begin := strings.IndexByte(text, '{')
		if begin >= 0 && json.NewDecoder(strings.NewReader(text[begin:])).Decode(&inner) == nil && inner["event"] != nil {
			texts = append(texts, text)
		}
	}
	return texts
}

// repeated returns the lines with a time stamp that occur again: without time stamps
// nobody can tell the same record from an equal one.
func repeated(log string) []string {
	seen := map[string]bool{}
	var again []string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, timeStamp) {
			continue
		}
		if seen[line] {
			again = append(again, line)
		}
		seen[line] = true
	}
	return again
}

const timeStamp = `"timestamp"`
