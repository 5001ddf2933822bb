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

// routes are the operations that the world has, by their names in the API, tried in
// this order.
var routes = parsed([]route{
	{name: "PATCH /task-instances/{task_instance_id}/run", handle: run},
	{name: world.HeartbeatOperation, handle: heartbeat},
	{name: world.StateOperation, handle: state},
	{name: "PUT /task-instances/{task_instance_id}/rtif", handle: renderedFields},
	{name: "PATCH /task-instances/{task_instance_id}/rendered-map-index", handle: done},
	{name: "PATCH /task-instances/{task_instance_id}/skip-downstream", handle: done},
	{name: "PATCH /task-instances/{task_instance_id}/dag-run-note", handle: done},
	{name: "GET /task-instances/{task_instance_id}/validate-inlets-and-outlets", handle: inactiveAssets},
	{name: "GET /connections/{connection_id}", handle: connection},
	{name: "GET /variables/keys", handle: variableKeys},
	{name: "GET /variables/{variable_key}", handle: getVariable},
	{name: "PUT /variables/{variable_key}", handle: putVariable},
	{name: "DELETE /variables/{variable_key}", handle: deleteVariable},
	{name: "GET /xcoms/{dag_id}/{run_id}/{task_id}/{key}/slice", handle: xcomSlice},
	{name: "GET /xcoms/{dag_id}/{run_id}/{task_id}/{key}/item/{offset}", handle: xcomItem},
	{name: "GET /xcoms/{dag_id}/{run_id}/{task_id}/{key}", handle: getXCom},
	{name: "HEAD /xcoms/{dag_id}/{run_id}/{task_id}/{key}", handle: countXCom},
	{name: "POST /xcoms/{dag_id}/{run_id}/{task_id}/{key}", handle: setXCom},
	{name: "DELETE /xcoms/{dag_id}/{run_id}/{task_id}/{key}", handle: deleteXCom},
	{name: "GET /dag-runs/{dag_id}/{run_id}/state", handle: dagRunState},
})

// route is one operation. In its parts "*" stands for one segment, "**" for one or
// more, since keys of variables and XComs may hold slashes.
type route struct {
	name   string
	handle func(*request) answer
	method string
	parts  []string
}

func parsed(routes []route) []route {
	for i := range routes {
		r := &routes[i]
		var path string
		r.method, path, _ = strings.Cut(r.name, " /")
		for segment := range strings.SplitSeq(path, "/") {
			switch {
			case segment == "{variable_key}" || segment == "{key}":
				segment = "**"
			case segment[0] == '{':
				segment = "*"
			}
			r.parts = append(r.parts, segment)
		}
	}
	return routes
}

// find returns the operation that a request asks for, and joins the segments of its key.
func find(q *request) (route, bool) {
	for _, r := range routes {
		if parts, ok := fits(r.parts, q.parts); ok && r.method == q.method {
			q.parts = parts
			return r, true
		}
	}
	return route{}, false
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

func done(*request) answer { return answer{status: http.StatusNoContent} }

// problemOr answers the problem, if there is one, or that it was done.
func problemOr(p *world.Problem, status int) answer {
	if p != nil {
		return refuse(p)
	}
	return answer{status: status}
}

func run(q *request) answer {
	id := q.parts[1]
	problem := q.world.Begin(id, world.Start{
		At: time.Now(), Hostname: q.text("hostname"), Unixname: q.text("unixname"), PID: q.number("pid"),
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
	beat := world.Heartbeat{At: time.Now(), Hostname: q.text("hostname"), PID: q.number("pid")}
	return problemOr(q.world.Beat(q.parts[1], beat, q.forced), http.StatusNoContent)
}

func renderedFields(*request) answer {
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
	q.world.SetVariable(q.parts[1], q.text("val"))
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
	q.world.SetXCom(key, q.sent)
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
