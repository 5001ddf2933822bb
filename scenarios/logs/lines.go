package logs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
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

// disordered returns the lines with that mark whose number is not that of the line
// before and one more.
func disordered(log, mark string) []string {
	after := regexp.MustCompile(regexp.QuoteMeta(mark) + `[ x]* (\d+)\b`)
	var wrong []string
	for n, found := range after.FindAllStringSubmatch(log, -1) {
		if found[1] != strconv.Itoa(n) && len(wrong) < maxShown {
			wrong = append(wrong, fmt.Sprintf("line %d has number %s", n, found[1]))
		}
	}
	return wrong
}

const maxShown = 3

// levelOf returns level and logger of the record whose text is that, nil if there is none.
func levelOf(log, text string) map[string]any {
	for line := range strings.Lines(log) {
		var record map[string]any
		if json.Unmarshal([]byte(line), &record) == nil && record["event"] == text {
			return map[string]any{"level": record["level"], "logger": record["logger"]}
		}
	}
	return nil
}

const timeStamp = `"timestamp"`
