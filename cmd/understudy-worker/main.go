// Command understudy-worker runs inside a sandbox; people do not start it.
//
//	understudy-worker init             first process of a sandbox, plan on standard input
//	understudy-worker run              plays the plan on descriptor 3, journal on descriptor 4
//	understudy-worker exec             runs the command of the plan on descriptor 3, frames on descriptors 0 and 4
//	understudy-worker sandbox          enters the namespaces that the spec on descriptor 3 describes, raises the wall, then init
//	understudy-worker sweep GROUP...   outside: removes control groups when standard input ends
//	understudy-worker contain          raises the wall in a container, then init
//	understudy-worker index            prints the case index
//	understudy-worker escape [OUTSIDE] tries to get out of the sandbox, see package escape
//	understudy-worker parent ORDER     starts one runner, as a parent that can be killed
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/understudy-conformance/understudy/harness/sandbox/namespace"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
	"github.com/understudy-conformance/understudy/harness/wall"
	"github.com/understudy-conformance/understudy/harness/wall/escape"
	"github.com/understudy-conformance/understudy/harness/worker"
	"github.com/understudy-conformance/understudy/scenarios"
)

func main() {
	code, err := command(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "understudy-worker:", err)
		code = 1
	}
	os.Exit(code)
}

func command(args []string) (int, error) {
	switch {
	case len(args) == 1 && args[0] == "init":
		return worker.Init(os.Stdin)
	case len(args) == 1 && args[0] == "run":
		return worker.Run(context.Background(), areas(), doors())
	case len(args) == 1 && args[0] == "exec":
		return 0, worker.Exec()
	case len(args) == 1 && args[0] == "index":
		return 0, worker.Index(os.Stdout, scenarios.Catalogue(), areas())
	case len(args) == 1 && args[0] == "sandbox":
		spec, err := namespace.ReadSpec()
		if err != nil {
			return 0, err
		}
		return 0, namespace.Enter(spec)
	case len(args) == 1 && args[0] == "contain":
		return 0, wall.Contain()
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help"):
		fmt.Print("understudy-worker plays cases inside a sandbox. understudy run starts it there;\nit is of no use by itself.\n")
		return 0, nil
	case len(args) > 0 && args[0] == "escape":
		return 0, escape.Command(args[1:], os.Stdout)
	case len(args) > 1 && args[0] == "sweep":
		return 0, namespace.Sweep(os.Stdin, args[1:])
	case len(args) == 2 && args[0] == "parent":
		return 0, runner.StandIn(args[1])
	}
	return 0, fmt.Errorf("unknown arguments %q; one of init, run, exec, index, sandbox, sweep GROUP, contain, escape, parent ORDER", args)
}
