package expect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
)

func TestASuggestedEntryHoldsTheSentenceAndWhatWasSeen(t *testing.T) {
	got := expect.Suggest(
		plan.Case{ID: "LIFE-005/worker/stop", Role: role.Worker},
		journal.Observation{Outcome: journal.Violated, Says: "processes are left", Expected: "none", Actual: "pid 14512 (uid 61002) ran 25.0 s longer\n"})
	want := `- case: LIFE-005/worker/stop
  role: worker
  actual: (?ms)^processes are left$.*^pid \d+ \(uid 61002\) ran [\d.]+ .?s longer$
  reason: CHANGE ME
  cause: implementation
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("suggestion (-want +got):\n%s", diff)
	}
}

// suggested is the entry for the observation as somebody pastes it, with a reason.
func suggested(t *testing.T, o journal.Observation) *expect.Entry {
	t.Helper()
	o.Outcome = journal.Violated
	return read(t, strings.Replace(expect.Suggest(plan.Case{ID: "A-001/worker/x"}, o), "reason: CHANGE ME", "reason: known", 1)).Entries[0]
}

func TestASuggestedEntryLeavesOpenWhatVaries(t *testing.T) {
	for name, two := range map[string][2]string{
		"pid":                 {"pid 69 lives", "pid 4194303 lives"},
		"process":             {"process 69 ended with exit code 0", "process 7012 ended with exit code 0"},
		"a list of processes": {"processes 69, 70 and 71 live", "processes 8, 9 live"},
		"pids in brackets":    {"pids [69 70]", "pids [7]"},
		"pid in JSON":         {`{"host":"a","pid":69}`, `{"host":"a","pid":12345}`},
		"pid after a #":       {"pid #69", "pid #12345"},
		"process id":          {"process id: 69", "process id: 5"},
		"below /proc":         {"open /proc/69/fd/3: EACCES", "open /proc/12345/fd/3: EACCES"},
		"syslog":              {"sudo[69]: alice", "sudo[12345]: alice"},
		"RFC 3339":            {"at 2026-11-26T14:04:36.149066Z", "at 2026-11-27T04:04:36Z"},
		"with an offset":      {"at 2026-11-26 14:04:36,149+00:00", "at 2027-01-01 00:00:00,1+00:00"},
		"Go's time":           {"at 2026-11-26 14:04:36.1 +0000 UTC m=+0.001", "at 2026-11-26 14:04:37.15 +0000 UTC m=+120.2"},
		"ctime":               {"on Thu Nov 26 20:13:10 2026", "on Sat Dec  5 00:00:00 2026"},
		"a date":              {"on 26 Nov 2026", "on 5 Dec 2026"},
		"epoch":               {"end_date: 1764190000.25", "end_date: 1764199999"},
		"epoch as float":      {"end_date: 1.76419e+09", "end_date: 1.764190123e+09"},
		"slashes":             {"on 2026/11/26", "on 2027/01/05"},
		"basic format":        {"on 20261126T140436", "on 20270105T000000.25"},
		"time of day":         {"at 14:04:36", "at 9:00:00,5"},
		"after a T":           {"at T14:04:36", "at T00:00:00,123"},
		"a Go duration":       {"after 1m20.5s", "after 850ms"},
		"seconds":             {"after 20.05 seconds", "after 1 second"},
		"milliseconds":        {"after 820 ms", "after 1.2 s"},
		"nonce":               {"holds 8d8e55854b9485215af8e770", "holds 000000000000000000000001"},
		"nonce in a word":     {"mark_8d8e55854b9485215af8e770", "mark_c28a3197ff049b8d8e558549"},
		"UUID":                {"PUT task-instances/0017758f-ce79-4ad5-a9e5-5d2f87d86ac7/state: 409", "PUT task-instances/ffffffff-1111-4222-8333-444444444444/state: 409"},
		"address in memory":   {"<object at 0x7f12ab34>", "<object at 0xdeadbeef01>"},
		"port":                {"dial tcp 127.0.0.1:40123: refused", "dial tcp 127.0.0.1:5555: refused"},
		"port in words":       {"listens on port 40123", "listens on port 5555"},
		"path of the case":    {"read /srv/understudy/7/logs/a.log", "read /srv/understudy/113/logs/a.log"},
		"Dag run of the case": {"run understudy__3_1 of probe", "run understudy__12_2 of probe"},
		"temporary file":      {"open /tmp/build123456/x", "open /tmp/build98/x"},
		"Python's":            {"open /tmp/tmpk3j_a9zq/x", "open /tmp/tmpabcdefgh/x"},
		"socket":              {"fd 3 is socket:[123]", "fd 3 is socket:[98765]"},
		"how often":           {"4984 times", "17 times"},
		"repeated":            {"heartbeat 204 ×14", "heartbeat 204 ×3"},
	} {
		openIn(t, name, two)
	}
	for _, day := range []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} {
		openIn(t, day, [2]string{"on " + day + " Nov 26", "on Dec  5"})
		openIn(t, day, [2]string{"on " + day + ", 26 Nov", "on 5 Dec"})
	}
	for _, a := range alternatives {
		for _, word := range a.words {
			line := strings.ReplaceAll(a.line, "{}", word)
			openIn(t, line, [2]string{strings.ReplaceAll(line, "#", a.two[0]), strings.ReplaceAll(line, "#", a.two[1])})
		}
	}
}

// openIn demands that the entry suggested for the one text, wherever it stands, explains the other.
func openIn(t *testing.T, name string, two [2]string) {
	t.Helper()
	for _, o := range [][2]journal.Observation{
		{{Says: two[0]}, {Says: two[1]}},
		{{Actual: two[0]}, {Actual: two[1]}},
		{{Says: "seen", Actual: two[0]}, {Says: "seen", Actual: two[1]}},
		{{Says: two[0], Actual: two[0] + "\n"}, {Says: two[1], Actual: two[1] + "\n"}},
	} {
		o[1].Outcome = journal.Violated
		if e := suggested(t, o[0]); !e.Explains(o[1]) {
			t.Errorf("%s: %s does not fit %+v", name, e.Actual, o[1])
		}
	}
}

// alternatives are all that a slot names: each word in place of {}, and for # two values that differ between runs.
var alternatives = []struct {
	line  string
	words []string
	two   [2]string
}{
	{"{} # lives", []string{"pid", "pids", "ppid", "ppids", "PID", "tid", "TID", "process", "processes", "process id", "process ids", "process_id", "thread id", "thread ids", "thread_id", "task_pid"}, [2]string{"69", "12345"}},
	{"pid{}# lives", []string{" ", ":", ": ", "=", " [", `": `, "' = "}, [2]string{"69", "12345"}},
	{"pids 7{}# live", []string{" and ", ", and ", ", ", ",", " "}, [2]string{"69", "12345"}},
	{"in {}#", []string{"Process-", "Thread-", "ThreadPoolExecutor-", "ForkPoolWorker-"}, [2]string{"3", "14"}},
	{"open {}", []string{"/tmp/#", "/var/tmp/#", "/dev/shm/#", "/run/#"}, [2]string{"lock-7.pid", "other_12+x"}},
	{"open {}#", []string{"tmp", "tmp.", "tmp_"}, [2]string{"k3j_a9zq", "Xbcdefgh"}},
	{"dial {}#: refused", []string{"127.0.0.1:", "localhost:", "[::1]:", "[::]:", "http://api.example:", "port ", "port=", "port: ", `"port": `, "PORT "}, [2]string{"40123", "5555"}},
	{"fd 3 is {}", []string{"socket:[#]", "pipe:[#]", "anon_inode:[#]", "anon_inode:#", "inode:#", "inode[#]"}, [2]string{"123", "98765"}},
	{"on {} #", []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}, [2]string{"26", " 5"}},
	{"on # {} 2026", []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}, [2]string{"26", "5"}},
	{"after {}", []string{"#ns", "#us", "#µs", "#μs", "#ms", "#s", "1m#s", "2h1m#s", "#.5s", "# ns", "# us", "# µs", "# μs", "# ms", "# s", "#.5 s"}, [2]string{"7", "1"}},
	{"after # {}", []string{"sec", "secs", "second", "seconds", "min", "mins", "minute", "minutes", "hour", "hours"}, [2]string{"3", "12.5"}},
	{"[# {}", []string{"octets cut]", "times"}, [2]string{"17", "4984"}},
}

func TestASuggestedEntryKeepsWhatTells(t *testing.T) {
	for name, two := range map[string][2]string{
		"exit code":       {"process 69 ended with exit code 0", "process 69 ended with exit code 3"},
		"signal":          {"process 69 was ended by SIGKILL", "process 69 was ended by SIGTERM"},
		"state":           {"terminal messages: state(success)", "terminal messages: state(failed)"},
		"uid":             {"[61001,61001,61001]", "[0,0,0]"},
		"a number":        {"2", "22"},
		"none at all":     {"0 times", "3 times"},
		"status":          {"PUT task-instances/0017758f-ce79-4ad5-a9e5-5d2f87d86ac7/state: 409", "PUT task-instances/0017758f-ce79-4ad5-a9e5-5d2f87d86ac7/state: 404"},
		"file of a case":  {"read /srv/understudy/7/logs/a.log", "read /srv/understudy/7/logs/b.log"},
		"label":           {"the task of alice", "the task of alice-2"},
		"mode":            {"uid 61002 mode 0644", "uid 61002 mode 0666"},
		"file of a PID":   {"/proc/69/mem", "/proc/69/environ"},
		"another program": {"pid 69 (sleep 600)", "pid 69 (sleep 60)"},
	} {
		for _, o := range [][2]journal.Observation{
			{{Says: two[0]}, {Says: two[1]}},
			{{Says: "seen", Actual: two[0]}, {Says: "seen", Actual: two[1]}},
		} {
			o[1].Outcome = journal.Violated
			if e := suggested(t, o[0]); e.Explains(o[1]) {
				t.Errorf("%s: %s fits %+v as well", name, e.Actual, o[1])
			}
		}
	}
}

func TestASuggestedEntryPrefersALineWithoutVaryingParts(t *testing.T) {
	e := suggested(t, journal.Observation{Says: "left", Actual: "pid 7 (a)\na lock\npid 8 (b)"})
	if want := "(?ms)^left$.*^a lock$"; e.Actual != want {
		t.Errorf("pattern %s, want %s", e.Actual, want)
	}
	for name, actual := range map[string]string{
		"what follows a colon":    "end of its output:\nwhat a program said",
		"the end of a long text":  "...\nwhat a program said",
		"a line of a log":         `{"timestamp":"2026-11-26T14:04:36.149066Z","event":"x"}`,
		"nothing":                 "",
		"nothing that is visible": "\x1b\n\u200b",
	} {
		if e := suggested(t, journal.Observation{Says: "left", Actual: actual}); e.Actual != "(?m)^left$" {
			t.Errorf("%s: pattern %s, want the sentence alone", name, e.Actual)
		}
	}
}

func TestAPatternEndsWithAWord(t *testing.T) {
	long := strings.Repeat("word ", 19)
	for name, tc := range map[string]struct{ line, want string }{
		"at a blank":           {long + "together apart", "(?m)^" + long},
		"before a slot":        {strings.Repeat("word ", 20) + "pid 69", "(?m)^" + strings.Repeat("word ", 20)},
		"no blank":             {strings.Repeat(`{"a":1},`, 20), "(?m)^" + strings.Repeat(`\{"a":1\},`, 12) + `\{"a"`},
		"not within an escape": {strings.Repeat("x", 98) + `-\"` + strings.Repeat("y", 9), "(?m)^" + strings.Repeat("x", 98) + "-"},
		"one long word":        {strings.Repeat("x", 150) + "-yes", "(?m)^" + strings.Repeat("x", 150)},
	} {
		if e := suggested(t, journal.Observation{Says: tc.line}); e.Actual != tc.want {
			t.Errorf("%s: pattern\n%s, want\n%s", name, e.Actual, tc.want)
		}
	}
}
