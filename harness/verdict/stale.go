package verdict

import (
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
)

// expectations reports what is wrong with the list of known deviations itself.
// Entries about cases that this run did not plan are left alone.
func (b *builder) expectations(now time.Time) {
	if b.known == nil {
		return
	}
	doubled := map[*expect.Entry]bool{}
	for _, e := range b.known.Duplicates() {
		doubled[e] = true
		b.stale(e, "", "", "is there twice")
	}
	for _, e := range b.known.Entries {
		if e.Expired(now) {
			b.stale(e, "", "", "held until %s and is in force no longer", e.Until)
		}
		b.usage(e)
	}
	for _, kase := range b.model.Cases {
		var lines []string
		entries := b.entries[kase.ID]
		for _, e := range entries {
			if !doubled[e] {
				lines = append(lines, e.Target())
			}
		}
		if len(lines) > 1 {
			b.stale(entries[len(entries)-1], kase.ID, "", "explains what another entry explains already (%s)", strings.Join(lines, ", "))
		}
	}
}

// usage reports an entry that did not come true.
func (b *builder) usage(e *expect.Entry) {
	covers := false
	for _, kase := range b.index {
		covers = covers || e.Covers(kase)
	}
	if !covers {
		b.stale(e, "", "", "covers no case of this suite")
		return
	}
	used, outcome, seen := false, false, ""
	for _, kase := range b.model.Cases {
		if !e.Covers(kase.Case) {
			continue
		}
		held := false
		for _, a := range kase.Attempts {
			switch o := a.Observation; {
			case e.Explains(o):
				used = true
			case o.Outcome == journal.Held:
				used, held = true, held || !e.Intermittent
			case o.Outcome != journal.HarnessError && (seen == "" || !outcome && o.Outcome == e.Outcome):
				outcome, seen = o.Outcome == e.Outcome, kase.ID+" ("+string(o.Outcome)+")\n"+strings.TrimSpace(expect.Text(o))
			}
		}
		if held { // once, however often it was played
			b.stale(e, kase.ID, "", "is listed and did not happen: the case holds")
		}
		if len(kase.Attempts) == 0 && e.Explains(kase.Observation) {
			used = true
		}
	}
	switch {
	case used || seen == "":
	case outcome:
		b.stale(e, "", seen, "describes nothing that was seen: its pattern does not fit")
	default:
		b.stale(e, "", seen, "describes nothing that was seen: nothing ended as %s", e.Outcome)
	}
}

func (b *builder) stale(e *expect.Entry, id, seen, format string, args ...any) {
	b.problem(Stale, id, "%s:%d %s "+format, append([]any{b.known.Path, e.Line, e.Target()}, args...)...)
	last := &b.found[len(b.found)-1]
	last.Pattern, last.Seen = e.Actual, seen
}
