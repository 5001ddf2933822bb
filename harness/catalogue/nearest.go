package catalogue

import "github.com/understudy-conformance/understudy/internal/nearest"

// Nearest lists up to three ids that resemble what was written, best first.
// Nothing is suggested for what resembles no id.
func (c *Catalogue) Nearest(written string) []string {
	var ids []string
	for _, r := range c.All() {
		ids = append(ids, r.ID)
	}
	return nearest.Words(written, ids)
}
