package words_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/words"
)

func TestEveryConclusionHasItsHeadline(t *testing.T) {
	seen := map[string]bool{}
	for conclusion, want := range map[verdict.Conclusion][2]string{
		verdict.Conforms:                    {"Conforms", "pass"},
		verdict.ConformsAsTested:            {"Conforms, as far as tested", "pass"},
		verdict.HoldsAsSelected:             {"Holds, as far as selected", "pass"},
		verdict.AsExpected:                  {"As expected: 2 known deviations", "warn"},
		verdict.NothingToPlay:               {"Nothing to play", "none"},
		verdict.NothingJudged:               {"Nothing judged", "none"},
		verdict.NothingSelected:             {"Nothing selected", "none"},
		verdict.ManifestWrong:               {"The manifest is wrong", "fail"},
		verdict.StaleList:                   {"The list of known deviations is stale", "fail"},
		verdict.DoesNotConform:              {"Does not conform", "fail"},
		verdict.DoesNotConformAndIncomplete: {"Does not conform, and incomplete", "fail"},
		verdict.CannotTell:                  {"Incomplete", "warn"},
		verdict.NotFinished:                 {"Unfinished", "fail"},
		verdict.HarnessFailed:               {"Harness error", "fail"},
	} {
		sentence, tone := words.Headline(verdict.Answer{Conclusion: conclusion, Expected: 2})
		if sentence != want[0] || string(tone) != want[1] || seen[sentence] {
			t.Errorf("conclusion %d: %q (%s), want %q", conclusion, sentence, tone, want)
		}
		seen[sentence] = true
	}
	for conclusion := range verdict.HarnessFailed {
		sentence, _ := words.Headline(verdict.Answer{Conclusion: conclusion})
		if sentence == "Harness error" {
			t.Errorf("conclusion %d has no headline", conclusion)
		}
	}
}

func TestAPartOfAPlanSaysSoAndIsNeverGreen(t *testing.T) {
	for conclusion := range verdict.HarnessFailed + 1 {
		whole, before := words.Headline(verdict.Answer{Conclusion: conclusion})
		sentence, tone := words.Headline(verdict.Answer{Conclusion: conclusion, Part: verdict.Part{Shard: 2, There: 1, Of: 3}})
		if sentence != "A part, shard 2 of 3: "+whole || tone == words.Good || before != words.Good && tone != before {
			t.Errorf("conclusion %d: %q (%s), the whole is %q (%s)", conclusion, sentence, tone, whole, before)
		}
	}
}

func TestEveryVerdictHasSignWordAndTone(t *testing.T) {
	tones := []words.Tone{words.Good, words.Bad, words.Caution, words.Neutral}
	for _, v := range verdict.All() {
		if words.Glyph(v) == "" || words.Word(v) == "" || strings.Contains(words.Word(v), "-") || !slices.Contains(tones, words.ToneOf(v)) {
			t.Errorf("%s is %q %q %q", v, words.Glyph(v), words.Word(v), words.ToneOf(v))
		}
		if v.Unexpected() && words.ToneOf(v) != words.Bad && words.ToneOf(v) != words.Caution {
			t.Errorf("%s needs attention and is %s", v, words.ToneOf(v))
		}
	}
}

func TestWhatIsPartialSaysInWhatRespects(t *testing.T) {
	for name, m := range map[string]verdict.Model{
		"":                                       {Inside: 3, Offered: 3, Part: verdict.Part{Shard: 1, There: 1, Of: 1}},
		"2 of 3 cases were planned":              {Inside: 2, Offered: 3},
		"only cases that the filter IMP selects": {Inside: 2, Offered: 3, Identity: journal.Identity{Filter: "IMP"}},
		"shard 2 of 3: a part of the plan":       {Inside: 2, Offered: 3, Part: verdict.Part{Shard: 2, There: 1, Of: 3}},
		"2 of 3 shards: a part of the plan":      {Inside: 3, Offered: 3, Part: verdict.Part{There: 2, Of: 3}},
		"the run is unfinished":                  {Unfinished: true},
		"the run ended early":                    {Cut: true},
		"the run is unfinished; the run ended early: SIGINT": {Unfinished: true, Cut: true, CutWhy: "SIGINT"},
	} {
		if got := strings.Join(words.Partial(m), "; "); got != name || m.Partial() != (name != "") {
			t.Errorf("partial %v: %q, want %q", m.Partial(), got, name)
		}
	}
}

func TestARequirementWithoutResultHasAReason(t *testing.T) {
	demanded := &catalogue.Requirement{Untestable: "nobody can see it"}
	for want, r := range map[string]verdict.Requirement{
		"nobody can see it":           {Requirement: demanded, Verdict: verdict.Untestable},
		"not selected in this run":    {Requirement: demanded, Verdict: verdict.Untested, Covered: true},
		"no scenario verifies it yet": {Requirement: demanded, Verdict: verdict.Untested},
		"it lacks that":               {Requirement: demanded, Verdict: verdict.NotApplicable, Covered: true, Says: "it lacks that"},
		"seen in role runner or worker only, which the implementation does not play": {
			Requirement: demanded, Verdict: verdict.NotApplicable, Covered: true, Elsewhere: []role.Role{role.Runner, role.Worker},
		},
		"": {Requirement: demanded, Verdict: verdict.Pass, Covered: true},
	} {
		if got := words.Reason(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestASummaryLeavesOutWhatIsNone(t *testing.T) {
	p := verdict.Profile{Total: 5, Counts: map[verdict.Verdict]int{verdict.Pass: 2, verdict.UnexpectedPass: 1, verdict.Fail: 1, verdict.ExpectedWarn: 1}}
	if got := words.Numbers(p); got != "3 of 5 hold, 1 violated, 1 violated as expected" {
		t.Error(got)
	}
	if got := words.Rest(verdict.Profile{Total: 1, Counts: map[verdict.Verdict]int{verdict.Pass: 1}}); got != "" {
		t.Error(got)
	}
}
