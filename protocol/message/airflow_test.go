//go:build airflow

package message

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/release"
)

//go:embed testdata/airflow_decode.py
var airflowDecode string

// drawn is the number of messages of each type that are drawn at random.
const drawn = 40

// What Airflow permits in fields that are text here. Keys are those of the
// wire; one with a dot holds for that struct only.
var legal = map[string]*rapid.Generator[string]{
	"ti_id":                    uuids,
	"TaskInstance.id":          uuids,
	"dag_version_id":           uuids,
	"region_id":                uuids,
	"run_type":                 rapid.SampledFrom([]string{RunBackfill, RunScheduled, RunManual, RunOperatorTriggered, RunAssetTriggered, RunAssetMaterialization}),
	"DagRun.state":             runStates,
	"DagRunResult.state":       runStates,
	"DagRunStateResult.state":  runStates,
	"GetPreviousDagRun.state":  runStates,
	"GetPreviousTI.state":      taskStates,
	"PreviousTIResponse.state": taskStates,
	"trigger_timeout":          durations,
	"timeout":                  durations,
	"ErrorResponse.error": rapid.SampledFrom([]string{
		string(ConnectionNotFound), string(VariableNotFound), string(XComNotFound), string(AssetNotFound), string(TaskStoreNotFound),
		string(AssetStoreNotFound), string(DagRunAlreadyExists), string(PermissionDenied), string(GenericError), string(APIServerError),
	}),
}

var (
	uuids      = rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	runStates  = rapid.SampledFrom([]string{RunQueued, RunRunning, RunSuccess, RunFailed})
	taskStates = rapid.SampledFrom([]string{StateSuccess, StateFailed, StateSkipped, StateRemoved, StateUpForRetry, StateDeferred, StateUpForReschedule})
	durations  = rapid.Map(rapid.IntRange(1, 59), func(n int) string { return fmt.Sprintf("PT%dS", n) })
)

// obey fills fields for which Airflow has narrower rules than this package.
func obey(t *rapid.T, owner reflect.Type, f reflect.StructField, v reflect.Value) bool {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch owner.Name() + "." + name {
	case "SucceedTask.outlet_events", "TaskBreadcrumbsResult.breadcrumbs": // maps
		v.Set(reflect.ValueOf(rapid.SliceOfN(rawValues(true), 0, 3).Draw(t, name)).Convert(f.Type))
		return true
	case "TIRunContext.next_kwargs", "DeferTask.trigger_kwargs": // a map or a string
		v.Set(reflect.ValueOf(rapid.OneOf(rawValues(true), rapid.Just(Raw("\xa4text"))).Draw(t, name)))
		return true
	case "SetExecutionTimeout.timeout_seconds":
		v.SetFloat(rapid.Float64Range(0.001, 1e6).Draw(t, name))
		return true
	case "TIRunContext.arg_bindings": // of either kind, each with what belongs to it
		task := "t"
		v.Set(reflect.ValueOf([]ArgBinding{{Kind: "xcom", Name: "a", TaskID: &task}, {Kind: "literal", Name: "b", Value: Raw("\x05"), FromDefault: true}}))
		return true
	case "LoopContext.index", "LoopContext.max_iterations":
		v.SetInt(rapid.Int64Range(1, 1000).Draw(t, name))
		return true
	}
	rule := legal[owner.Name()+"."+name]
	if rule == nil {
		rule = legal[name]
	}
	switch {
	case rule != nil && f.Type.Kind() == reflect.String:
		v.SetString(rule.Draw(t, name))
	case rule != nil && f.Type == reflect.TypeFor[*string]():
		v.Set(reflect.ValueOf(new(rule.Draw(t, name))))
	default:
		return false
	}
	return true
}

// sample is a message with the words that name it in a failure.
type sample struct {
	what string
	d    Direction
	body Body
}

// samples are all types of a release, each with all fields, with as few as possible, and drawn at random from a fixed seed.
func samples(t *testing.T, of release.Version) []sample {
	// Airflow 3.3 refuses a start that is null there.
	insists := func(label string) bool { return label == "DagRunAssetReference.StartDate" && of.Minor() == "3.3" }
	always := func(*rapid.T, string) bool { return true }
	never := func(_ *rapid.T, label string) bool { return insists(label) }
	sometimes := func(t *rapid.T, label string) bool { return insists(label) || rapid.Bool().Draw(t, label) }
	var all []sample
	for _, d := range []Direction{ToSupervisor, ToRunner} {
		for _, name := range TypesAt(d, of) {
			add := func(what string, seed int, present func(*rapid.T, string) bool) {
				body := rapid.Custom(func(t *rapid.T) Body {
					rapid.Bool().Draw(t, "rapid insists on one draw, and some messages are empty")
					return drawer{present, obey}.body(t, d, name)
				}).Example(seed)
				body, err := AtVersion(body, of)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, sample{fmt.Sprintf("%v/%s/%s", d, name, what), d, body})
			}
			add("all fields", 1, always)
			add("few fields", 2, never)
			for i := range drawn {
				add(fmt.Sprintf("drawn %d", i), 100+i, sometimes)
			}
		}
	}
	return all
}

// answer is what the script read from a frame.
type answer struct {
	ID          int64
	Body, Error json.RawMessage
	Carrier     map[string]string
	Failure     string
}

// Every message, as a runner or supervisor would send it to the installed release, is
// read by Airflow's own decoders as what it is.
//
// It runs where Airflow is installed; UNDERSTUDY_AIRFLOW_PYTHON is its Python.
func TestAirflowReadsWhatIsEncodedHere(t *testing.T) {
	python := os.Getenv("UNDERSTUDY_AIRFLOW_PYTHON")
	if python == "" {
		t.Fatal("UNDERSTUDY_AIRFLOW_PYTHON does not name the Python of an Airflow installation")
	}
	type sent struct {
		sample
		id      int64
		carrier map[string]string
		refusal bool
	}
	var frames strings.Builder
	var order []sent
	for i, s := range samples(t, installed(t, python)) {
		one := sent{sample: s, id: int64(i)}
		receiver, payload := "supervisor", []byte(nil)
		var err error
		if s.d == ToSupervisor {
			if i%3 == 0 {
				one.carrier = map[string]string{"traceparent": fmt.Sprint("00-", i)}
			}
			payload, err = EncodeRequest(Request{ID: one.id, Body: s.body, Carrier: one.carrier})
		} else {
			receiver = "runner"
			response := Response{ID: one.id, Body: s.body}
			if refusal, ok := s.body.(*ErrorResponse); ok && i%2 == 0 {
				one.refusal, response = true, Response{ID: one.id, Err: refusal}
			}
			payload, err = EncodeResponse(response)
		}
		if err != nil {
			t.Fatalf("%s: %v", one.what, err)
		}
		order = append(order, one)
		fmt.Fprintln(&frames, receiver, hex.EncodeToString(frame.Append(nil, payload)))
	}

	answers := ask(t, python, frames.String())
	if len(answers) != len(order) {
		t.Fatalf("%d answers to %d frames", len(answers), len(order))
	}
	for i, want := range order {
		t.Run(want.what, func(t *testing.T) {
			got := answers[i]
			if got.Failure != "" {
				t.Fatalf("Airflow: %s\nsent: %s", got.Failure, shown(want.body))
			}
			if got.ID != want.id {
				t.Errorf("id %d, sent %d", got.ID, want.id)
			}
			if diff := cmp.Diff(want.carrier, got.Carrier); diff != "" {
				t.Errorf("trace context (-sent +Airflow):\n%s", diff)
			}
			text, other := got.Body, got.Error
			if want.refusal {
				text, other = other, text
			}
			if len(other) > 0 && string(other) != "null" {
				t.Errorf("in the place of the other element: %s", other)
			}
			checkRead(t, want.sample, text)
		})
	}
	t.Logf("%d frames", len(order))
}

// checkRead compares a message with Airflow's rendering of what it read.
func checkRead(t *testing.T, want sample, text json.RawMessage) {
	var named struct{ Type string }
	if err := json.Unmarshal(text, &named); err != nil || named.Type != want.body.MessageType() {
		t.Fatalf("read as %q (%v), sent %s", named.Type, err, want.body.MessageType())
	}
	got, err := New(want.d, named.Type)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if diff := cmp.Diff(want.body, got, asAirflow); diff != "" {
		t.Errorf("(-sent +Airflow):\n%s", diff)
	}
}

// asAirflow compares what a trip through Python keeps: instants to the
// microsecond, and undecoded values by what they mean.
var asAirflow = cmp.Options{
	cmp.Comparer(func(a, b Time) bool { return a.Sub(b.Time).Abs() < time.Microsecond }),
	cmp.Transformer("value", func(r Raw) any {
		v, err := r.Value()
		if err != nil {
			return err.Error()
		}
		return v
	}),
}

// installed is the release whose Python that is.
func installed(t *testing.T, python string) release.Version {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), python, "-c", "from importlib.metadata import version; print(version('apache-airflow-core'), end='')").Output()
	if err != nil {
		t.Fatalf("%s: %v", python, err)
	}
	v, err := release.Parse(string(out))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ask runs the script over frames and returns its answers.
func ask(t *testing.T, python, frames string) []answer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, "-c", airflowDecode)
	cmd.Env = append(os.Environ(), "AIRFLOW_HOME="+t.TempDir(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = strings.NewReader(frames)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", python, err, stderr.String())
	}
	var answers []answer
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("%.200q: %v", lines.Text(), err)
		}
		answers = append(answers, a)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return answers
}

func shown(body Body) string {
	text, err := json.Marshal(body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
