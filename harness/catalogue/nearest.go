package catalogue

import (
	"cmp"
	"slices"
	"strings"
)

// suggestions is how many ids Nearest returns at most.
const suggestions = 3

// Nearest lists up to three ids that resemble what was written, best first.
// Nothing is suggested for what resembles no id.
func (c *Catalogue) Nearest(written string) []string {
	written = strings.ToUpper(written)
	if len(written) > 32 {
		return nil
	}
	type candidate struct {
		id       string
		distance int
	}
	var found []candidate
	for _, r := range c.All() {
		if d := distance(written, r.ID); d <= 2 {
			found = append(found, candidate{r.ID, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	ids := make([]string, 0, suggestions)
	for _, f := range found[:min(len(found), suggestions)] {
		ids = append(ids, f.id)
	}
	return ids
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
