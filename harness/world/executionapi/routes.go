package executionapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/world"
)

// routes are tried in order; "*" stands for one segment, "**" for one or more,
// since keys of variables and XComs may hold slashes.
var routes = []struct {
	method string
	parts  []string
	handle func(*request) answer
}{
	{"PATCH", []string{"task-instances", "*", "run"}, run},
	{"PUT", []string{"task-instances", "*", "heartbeat"}, heartbeat},
	{"PATCH", []string{"task-instances", "*", "state"}, state},
	{"PUT", []string{"task-instances", "*", "rtif"}, renderedFields},
	{"PATCH", []string{"task-instances", "*", "rendered-map-index"}, done(http.StatusNoContent)},
	{"PATCH", []string{"task-instances", "*", "skip-downstream"}, done(http.StatusNoContent)},
	{"GET", []string{"task-instances", "*", "validate-inlets-and-outlets"}, inactiveAssets},
	{"GET", []string{"connections", "*"}, connection},
	{"GET", []string{"variables", "keys"}, variableKeys},
	{"GET", []string{"variables", "**"}, getVariable},
	{"PUT", []string{"variables", "**"}, putVariable},
	{"DELETE", []string{"variables", "**"}, deleteVariable},
	{"GET", []string{"xcoms", "*", "*", "*", "**", "slice"}, xcomSlice},
	{"GET", []string{"xcoms", "*", "*", "*", "**", "item", "*"}, xcomItem},
	{"GET", []string{"xcoms", "*", "*", "*", "**"}, getXCom},
	{"HEAD", []string{"xcoms", "*", "*", "*", "**"}, countXCom},
	{"POST", []string{"xcoms", "*", "*", "*", "**"}, setXCom},
	{"DELETE", []string{"xcoms", "*", "*", "*", "**"}, deleteXCom},
	{"GET", []string{"dag-runs", "*", "*", "state"}, dagRunState},
}

// find returns the function that answers a request, and joins the segments of its key.
func find(q *request) (func(*request) answer, bool) {
	for _, r := range routes {
		if parts, ok := fits(r.parts, q.parts); ok && r.method == q.method {
			q.parts = parts
			return r.handle, true
		}
	}
	return nil, false
}

// fits returns the parts of a path that the pattern matches, one for each of its
// segments.
func fits(pattern, parts []string) ([]string, bool) {
	if more := len(parts) - len(pattern); more > 0 {
		if at := slices.Index(pattern, "**"); at >= 0 {
			key := strings.Join(parts[at:at+more+1], "/")
			parts = slices.Concat(parts[:at], []string{key}, parts[at+more+1:])
		}
	}
	if len(pattern) != len(parts) {
		return nil, false
	}
	for i, p := range pattern {
		if p != "*" && p != "**" && p != parts[i] {
			return nil, false
		}
	}
	return parts, true
}

func done(status int) func(*request) answer {
	return func(*request) answer { return answer{status: status} }
}

// problemOr answers the problem, if there is one, or that it was done.
func problemOr(p *world.Problem, status int) answer {
	if p != nil {
		return refuse(p)
	}
	return answer{status: status}
}

func run(q *request) answer {
	fields, problem := q.object(shape{
		"state": is("running"), "hostname": isText, "unixname": isText, "pid": isInt, "start_date": isTime,
	})
	if problem != nil {
		return refuse(problem)
	}
	id := q.parts[1]
	problem = q.world.Begin(id, world.Start{
		At: time.Now(), Hostname: fields["hostname"].(string), Unixname: fields["unixname"].(string), PID: int(fields["pid"].(int64)),
	})
	if problem != nil {
		return refuse(problem)
	}
	ti, _ := q.world.Task(id) // Begin found it
	when := ti.LogicalDate.UTC().Format(time.RFC3339Nano)
	a := say(http.StatusOK, map[string]any{
		"dag_run": map[string]any{
			"dag_id": ti.Dag, "run_id": ti.Run, "logical_date": when, "data_interval_start": when, "data_interval_end": when,
			"run_after": when, "start_date": when, "end_date": nil, "run_type": "manual", "state": "running",
			"conf": ti.Conf, "consumed_asset_events": []any{}, "partition_key": nil,
		},
		"max_tries": ti.MaxTries, "should_retry": ti.ShouldRetry, "task_reschedule_count": 0,
		"variables": []any{}, "connections": []any{}, "xcom_keys_to_clear": []any{},
	})
	if ti.Refreshed != "" {
		a.header = map[string]string{"Refreshed-API-Token": ti.Refreshed}
	}
	return a
}

func heartbeat(q *request) answer {
	fields, problem := q.object(shape{"hostname": isText, "pid": isInt})
	if problem != nil {
		return refuse(problem)
	}
	beat := world.Heartbeat{At: time.Now(), Hostname: fields["hostname"].(string), PID: int(fields["pid"].(int64))}
	return problemOr(q.world.Beat(q.parts[1], beat, q.forced), http.StatusNoContent)
}

func renderedFields(q *request) answer {
	if _, problem := q.anyObject(); problem != nil {
		return refuse(problem)
	}
	return say(http.StatusCreated, map[string]any{"message": "Rendered task instance fields successfully set"})
}

func inactiveAssets(*request) answer {
	return say(http.StatusOK, map[string]any{"inactive_assets": []any{}})
}

func connection(q *request) answer {
	c, ok := q.world.Connection(q.parts[1])
	if !ok {
		return refuse(world.NotFound(fmt.Sprintf("Connection with ID %s not found", q.parts[1])))
	}
	orNull := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	var port any
	if c.Port != 0 {
		port = c.Port
	}
	return say(http.StatusOK, map[string]any{
		"conn_id": c.ID, "conn_type": c.Type, "host": orNull(c.Host), "schema": orNull(c.Schema),
		"login": orNull(c.Login), "password": orNull(c.Password), "port": port, "extra": orNull(c.Extra),
	})
}

func variableKeys(q *request) answer {
	bounds := [2]int{1000, 0}
	for i, name := range []string{"limit", "offset"} {
		n, given, problem := q.queryInt(name)
		if problem != nil {
			return refuse(problem)
		}
		if given {
			bounds[i] = n
		}
	}
	keys, total := q.world.VariableKeys(q.query.Get("prefix"), bounds[0], bounds[1])
	return say(http.StatusOK, map[string]any{"keys": keys, "total_entries": total})
}

func getVariable(q *request) answer {
	value, ok := q.world.Variable(q.parts[1])
	if !ok {
		return refuse(world.NotFound(fmt.Sprintf("Variable with key '%s' not found", q.parts[1])))
	}
	return say(http.StatusOK, map[string]any{"key": q.parts[1], "value": value})
}

func putVariable(q *request) answer {
	fields, problem := q.object(shape{"val": isTextOrNull, "description": optional(isTextOrNull)})
	if problem != nil {
		return refuse(problem)
	}
	value, _ := fields["val"].(string)
	q.world.SetVariable(q.parts[1], value)
	return say(http.StatusCreated, map[string]any{"message": "Variable successfully set"})
}

func deleteVariable(q *request) answer {
	q.world.DeleteVariable(q.parts[1])
	return answer{status: http.StatusNoContent}
}

// xcomKey is the key that path and query name.
func (q *request) xcomKey() (world.XComKey, *world.Problem) {
	key := world.XComKey{Dag: q.parts[1], Run: q.parts[2], Task: q.parts[3], Map: -1, Key: q.parts[4]}
	if index, given, problem := q.queryInt("map_index"); problem != nil {
		return key, problem
	} else if given {
		key.Map = index
	}
	return key, nil
}

// queryInt reads an optional parameter of the query.
func (q *request) queryInt(name string) (n int, given bool, problem *world.Problem) {
	text := q.query.Get(name)
	if text == "" {
		return 0, false, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, false, invalid("int_parsing", "query", name)
	}
	return n, true, nil
}

func getXCom(q *request) answer {
	key, problem := q.xcomKey()
	if problem != nil {
		return refuse(problem)
	}
	value, ok := q.world.XCom(key)
	if !ok {
		return refuse(world.NotFound(fmt.Sprintf("XCom with key=%q not found", key.Key)))
	}
	return say(http.StatusOK, map[string]any{"key": key.Key, "value": value})
}

func countXCom(q *request) answer {
	n := len(q.world.Sequence(q.parts[1], q.parts[2], q.parts[3], q.parts[4]))
	return answer{status: http.StatusOK, header: map[string]string{"Content-Range": fmt.Sprintf("map_indexes %d", n)}}
}

func setXCom(q *request) answer {
	key, problem := q.xcomKey()
	if problem != nil {
		return refuse(problem)
	}
	var value any // a client may send null as no body at all
	if len(q.body) > 0 {
		if value, problem = q.value(); problem != nil {
			return refuse(problem)
		}
	}
	q.world.SetXCom(key, value)
	return say(http.StatusCreated, map[string]any{"message": "XCom successfully set"})
}

func deleteXCom(q *request) answer {
	key, problem := q.xcomKey()
	if problem != nil {
		return refuse(problem)
	}
	q.world.DeleteXCom(key)
	return say(http.StatusOK, map[string]any{"message": fmt.Sprintf("XCom with key: %s successfully deleted.", key.Key)})
}

func xcomSlice(q *request) answer {
	var bounds [3]*int
	for i, name := range []string{"start", "stop", "step"} {
		n, given, problem := q.queryInt(name)
		if problem != nil {
			return refuse(problem)
		}
		if given {
			bounds[i] = &n
		}
	}
	values, problem := world.Slice(q.world.Sequence(q.parts[1], q.parts[2], q.parts[3], q.parts[4]), bounds[0], bounds[1], bounds[2])
	if problem != nil {
		return refuse(problem)
	}
	return say(http.StatusOK, values)
}

func xcomItem(q *request) answer {
	offset, err := strconv.Atoi(q.parts[6])
	if err != nil {
		return refuse(invalid("int_parsing", "path", "offset"))
	}
	value, ok := world.Item(q.world.Sequence(q.parts[1], q.parts[2], q.parts[3], q.parts[4]), offset)
	if !ok {
		return refuse(world.NotFound("XCom item not found"))
	}
	return say(http.StatusOK, value)
}

func dagRunState(*request) answer {
	return say(http.StatusOK, map[string]any{"state": "running"})
}
