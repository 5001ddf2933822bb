package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/understudy-conformance/understudy/reference/coordinator"
)

// pack makes an executable bundle of a program that is a language runtime.
func pack(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("pack", flag.ContinueOnError)
	executable := flags.String("executable", "", "")
	output := flags.String("output", "", "")
	source := flags.String("source", "", "")
	m := coordinator.Manifest{Dags: map[string]coordinator.DagInfo{}}
	flags.StringVar(&m.SDK.Schema, "schema", "", "")
	flags.StringVar(&m.SDK.Language, "language", "go", "")
	flags.StringVar(&m.SDK.Version, "sdk-version", "0", "")
	flags.Func("dag", "", func(id string) error { m.Dags[id] = coordinator.DagInfo{}; return nil })
	if code, ok := parse(flags, args, stdout, stderr, "executable", "output", "schema"); !ok {
		return code
	}
	var text []byte
	if *source != "" {
		var err error
		if text, err = os.ReadFile(*source); err != nil {
			return wrong(stderr, fmt.Errorf("read source: %w", err))
		}
		m.Source = filepath.Base(*source)
	}
	if err := coordinator.PackFile(*output, *executable, text, m); err != nil {
		return wrong(stderr, err)
	}
	return 0
}
