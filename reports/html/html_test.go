package html_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/html"
	"github.com/understudy-conformance/understudy/reports/internal/demo"
	"github.com/understudy-conformance/understudy/reports/internal/golden"
)

func write(t *testing.T, m verdict.Model) string {
	t.Helper()
	var out strings.Builder
	if err := html.Write(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// between cuts the text from the first mark up to the second.
func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, after, found := strings.Cut(text, from)
	if !found {
		t.Fatalf("no %q in the page", from)
	}
	inside, _, found := strings.Cut(after, to)
	if !found {
		t.Fatalf("no %q after %q", to, from)
	}
	return from + inside + to + "\n"
}

func TestFragments(t *testing.T) {
	page := write(t, demo.Model())
	for name, cut := range map[string][2]string{
		"first-screen.html": {`<section class="hero">`, `<section>` + "\n" + `<h2 id="failed">`},
		"findings.html":     {`<h2 id="failed">`, `</section>`},
		"requirement.html":  {`<tr id="IMP-003"`, `</tr>`},
		"checks.html":       {`<tr id="WIRE-002"`, `</tr>`},
		"case-fail.html":    {`<details class="case" id="case=LIFE-005/worker/stop-leaves-nothing"`, `</div></details>`},
		"case-known.html":   {`<details class="case" id="case=IMP-002/runner/logname"`, `</div></details>`},
		"about.html":        {`<h2 id="about">`, `</section>`},
	} {
		golden.Equal(t, name, between(t, page, cut[0], cut[1]))
	}
}

func TestChecksOfARequirementAreBoundedAndToldOnce(t *testing.T) {
	m := demo.Model()
	i := slices.IndexFunc(m.Cases, func(c verdict.Case) bool { return c.Requirement == "WIRE-002" })
	c := &m.Cases[i]
	c.Checks, c.ChecksLeft = nil, 7
	for n := range 150 {
		made := verdict.Check{Requirement: "WIRE-002", Clause: "WIRE-002", What: fmt.Sprintf("number %d", n/50), Held: true, Expected: "1 <b>", Actual: "1 <b>"}
		c.Checks = append(c.Checks, made, verdict.Check{Requirement: "WIRE-002", Clause: "WIRE-002", What: fmt.Sprintf("pause %d", n), Held: true, Premise: true})
	}
	for n := range 100 {
		c.Checks = append(c.Checks, verdict.Check{Requirement: "WIRE-002", Clause: "WIRE-002", What: fmt.Sprintf("other %d", n), Held: true, Expected: "1", Actual: "one"})
	}
	c.Checks = append(c.Checks, verdict.Check{Requirement: "WIRE-002", Clause: "WIRE-002", What: "the last", Expected: "1", Actual: "2"})
	row := between(t, write(t, m), `<tr id="WIRE-002"`, `</tr>`)
	for _, want := range []string{
		"held</span> number 0 <span class=\"dim\">as expected: 1 &lt;b&gt;</span> <span class=\"dim\">50 times</span></li>", "held</span> other 1 <span class=\"dim\">expected 1 · actual one</span></li>",
		"violated</span> the last <span class=\"dim\">expected 1 · actual 2</span></li>", "98 more, see the case</li>",
	} {
		if !strings.Contains(row, want) {
			t.Errorf("no %s in\n%s", want, row)
		}
	}
	if n := strings.Count(row, "</li>"); n != 8 || strings.Contains(row, "pause") { // six checks, how many more, and the case
		t.Errorf("%d lines in\n%s", n, row)
	}
	m.Cases[i].Verdict = verdict.Fail // so that its transcript stands in the page
	for _, want := range []string{"Checks (254)", "7 more held, and are not in the journal", "pause 149 <span class=\"dim\">(premise)</span>"} {
		if page := write(t, m); !strings.Contains(page, want) {
			t.Errorf("no %q in the page of the case", want)
		}
	}
}

func TestADiffOfTheTemplateCanShowAChange(t *testing.T) {
	text, err := os.ReadFile("report.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if n := utf8.RuneCountInString(line); n > 160 {
			t.Errorf("line %d has %d characters: break it before an element, or before an action that trims (\"{{-\")", i+1, n)
		}
	}
}

func TestAStaleEntryStandsBesideWhatWasSeen(t *testing.T) {
	m := demo.Model()
	m.Problems = []verdict.Problem{{Kind: verdict.Stale, Text: "does not fit", Pattern: `^pid \d+ <b>$`, Seen: "a/b/c (violated)\nprocess 7\x1b"}}
	want := `<div class="ea"><div><b>Pattern</b><pre>^pid \d&#43; &lt;b&gt;$</pre></div><div><b>Seen</b><pre>a/b/c (violated)` + "\n" + `process 7\x1b</pre></div></div>`
	if page := write(t, m); !strings.Contains(page, want) {
		t.Errorf("no %s in the page", want)
	}
}

func TestHostileTextIsNeverMarkup(t *testing.T) {
	page := write(t, demo.Model())
	scripts := regexp.MustCompile(`<script[^>]*>`).FindAllString(page, -1)
	for _, script := range scripts {
		if script != "<script>" && script != `<script type="application/octet-stream" class="chunk">` {
			t.Errorf("a script that is not ours: %s", script)
		}
	}
	if n := strings.Count(page, "<script>"); n != 1 {
		t.Errorf("%d scripts, want ours alone", n)
	}
	if regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`).MatchString(page) {
		t.Error("a control character stands in the page")
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}

func TestThePageForbidsTheNetwork(t *testing.T) {
	page := write(t, demo.Model())
	policy := between(t, page, `<meta http-equiv="Content-Security-Policy" content="`, `">`)
	if !strings.Contains(policy, "default-src &#39;none&#39;") || strings.Contains(policy, "http:") || strings.Contains(policy, "https:") {
		t.Errorf("policy is %s", policy)
	}
	for _, loads := range []string{"<link rel=\"stylesheet", "src=", "@import", "url(", "<iframe", "<form"} {
		if strings.Contains(page, loads) {
			t.Errorf("the page holds %s", loads)
		}
	}
}

func TestEveryRequirementIsInTheTable(t *testing.T) {
	c := demo.Catalogue()
	for name, page := range map[string]string{
		"demo":          write(t, demo.Model()),
		"empty journal": write(t, verdict.Build(c, demo.Index(), verdict.Collate(slices.Values[[]journal.Event](nil)), nil, demo.Now)),
	} {
		for _, r := range c.All() {
			if !strings.Contains(page, fmt.Sprintf(`<tr id=%q`, r.ID)) {
				t.Errorf("%s: no row for %s", name, r.ID)
			}
		}
	}
}

func TestAThousandCasesStayBelowThreeMegabytes(t *testing.T) {
	const budget = 3_000_000
	if n := len(write(t, demo.Many(1000))); n > budget {
		t.Errorf("%d octets, more than %d", n, budget)
	} else {
		t.Logf("%d octets", n)
	}
}

func TestALargeTranscriptIsLeftOutAloud(t *testing.T) {
	page := write(t, demo.Noisy(150))
	if len(page) > 4_000_000 {
		t.Errorf("%d octets", len(page))
	}
	if !strings.Contains(page, "which would be too large; events.jsonl has it") {
		t.Error("nothing says that transcripts are missing")
	}
}

func TestWhatIsOnlyPlannedIsNotSaidToHaveFailed(t *testing.T) {
	m := demo.Model()
	m.Unfinished = true
	if findings := between(t, write(t, m), `<h2 id="failed">`, `</section>`); strings.Contains(findings, "failed</h2>") || !strings.Contains(findings, "What is planned") {
		t.Errorf("of an unfinished run the page says %.300s", findings)
	}
}
