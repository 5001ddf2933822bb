// Package nearest guesses which word was meant by one that nobody knows.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// maxWritten bounds what is compared, in octets: an id is far shorter.
const maxWritten = 100

// Words lists up to three of the known words that resemble what was written, best first.
func Words(written string, known []string) []string {
	type candidate struct {
		word     string
		distance int
	}
	var found []candidate
	written = strings.ToLower(written)
	if len(written) > maxWritten {
		return nil
	}
	for _, word := range known {
		d := distance(written, strings.ToLower(word))
		if d <= max(2, len(written)/4) && !slices.ContainsFunc(found, func(c candidate) bool { return c.word == word }) {
			found = append(found, candidate{word, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var words []string
	for _, c := range found[:min(3, len(found))] {
		words = append(words, c.word)
	}
	return words
}

// distance is the number of octets to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
