//go:build interop

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// statement runs one SQL statement on the database and prints its rows as JSON.
const statement = `
import json, sqlite3, sys
base = sqlite3.connect(sys.argv[1], timeout=60)
rows = base.execute(sys.argv[2], json.loads(sys.argv[3])).fetchall()
base.commit()
print(json.dumps(rows, default=str))
`

// sql runs one statement as the worker account, whose files those of the database are.
func sql(t *testing.T, text string, args ...string) [][]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	values, err := json.Marshal(append([]string{}, args...))
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := asWorker(ctx, nil, python, "-I", "-S", "-c", statement, base, text, string(values))
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", text, err, stderr.String())
	}
	var rows [][]any
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatalf("%s: %v in %s", text, err, out)
	}
	return rows
}

// instance is a task instance, and where its row is.
type instance struct{ dag, run, task string }

// queue does what a scheduler does with a task instance before it hands it to an executor, and returns its ids.
func (i instance) queue(t *testing.T) (id, version string) {
	t.Helper()
	sql(t, "UPDATE dag_run SET state='running' WHERE dag_id=? AND run_id=?", i.dag, i.run)
	sql(t, "UPDATE task_instance SET state='queued', try_number=1 WHERE dag_id=? AND run_id=? AND task_id=?", i.dag, i.run, i.task)
	row := i.row(t, "id, dag_version_id")
	return dashed(t, row[0]), dashed(t, row[1])
}

// row returns columns of the row of the task instance.
func (i instance) row(t *testing.T, columns string) []any {
	t.Helper()
	rows := sql(t, "SELECT "+columns+" FROM task_instance WHERE dag_id=? AND run_id=? AND task_id=?", i.dag, i.run, i.task)
	if len(rows) != 1 {
		t.Fatalf("%d rows of %v", len(rows), i)
	}
	return rows[0]
}

func (i instance) state(t *testing.T) any {
	t.Helper()
	return i.row(t, "state")[0]
}

// xcom returns the value of an XCom of the task instance; ok is false if there is none.
func (i instance) xcom(t *testing.T, key string) (value any, ok bool) {
	t.Helper()
	rows := sql(t, "SELECT value FROM xcom WHERE dag_id=? AND run_id=? AND task_id=? AND key=?", i.dag, i.run, i.task, key)
	if len(rows) == 0 {
		return nil, false
	}
	text, isText := rows[0][0].(string)
	if !isText || len(rows) != 1 {
		t.Fatalf("XCom %s of %v: %v", key, i, rows)
	}
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("XCom %s of %v: %v", key, i, err)
	}
	// Airflow stores the JSON text that it was sent as a JSON string.
	if text, isText := value.(string); isText {
		var inner any
		if json.Unmarshal([]byte(text), &inner) == nil {
			value = inner
		}
	}
	return value, true
}

// dashed writes a UUID as the API does; SQLite has it without dashes.
func dashed(t *testing.T, value any) string {
	t.Helper()
	text, _ := value.(string)
	text = strings.ReplaceAll(text, "-", "")
	if len(text) != 32 {
		t.Fatalf("%v is no UUID", value)
	}
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
