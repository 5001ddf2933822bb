// Command compare says whether two runs came to the same verdicts:
//
//	go run ./ci/compare A/result.json B/result.json
//
// It exits 0 when they did, 1 with a line for each difference when they did not,
// and 2 when a file cannot be read or holds no case: two empty runs agree about
// nothing. CI uses it to show that the docker and the namespace sandbox, and a
// run in one piece and one in shards, judge alike.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/understudy-conformance/understudy/reports/result"
	"github.com/understudy-conformance/understudy/reports/visible"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 2 {
		fmt.Fprintln(stderr, "usage: compare A/result.json B/result.json")
		return 2
	}
	var results []result.Result
	for _, path := range args {
		r, err := load(path)
		if err != nil {
			fmt.Fprintln(stderr, "compare:", err)
			return 2
		}
		results = append(results, r)
	}
	lines := differences(results[0], results[1])
	for _, line := range lines {
		fmt.Fprintln(stdout, visible.Line(line))
	}
	if len(lines) > 0 {
		return 1
	}
	fmt.Fprintf(stdout, "the same verdicts in %d cases\n", len(results[0].Cases))
	return 0
}

func load(path string) (result.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return result.Result{}, err
	}
	defer f.Close()
	r, err := result.Read(f)
	if err != nil {
		return result.Result{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(r.Cases) == 0 {
		return result.Result{}, fmt.Errorf("%s: no case in it", path)
	}
	return r, nil
}
