package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/result"
)

// differences lists where two results say different things about the
// implementation: verdicts of cases and requirements, the violated requirement,
// exit codes. Times, environments and the words of observations are left apart:
// they differ between machines. Both must have at least one case.
func differences(a, b result.Result) []string {
	var lines []string
	differ := func(what string, x, y any) {
		if x != y {
			lines = append(lines, fmt.Sprintf("%s: %v, %v", what, x, y))
		}
	}
	differ("exit code", a.Exit, b.Exit)
	cases := func(r result.Result) map[string]string {
		m := map[string]string{}
		for _, c := range r.Cases {
			m["case "+c.ID] = said(c)
		}
		return m
	}
	requirements := func(r result.Result) map[string]string {
		m := map[string]string{}
		for _, q := range r.Requirements {
			m["requirement "+q.ID] = string(q.Verdict)
			for _, in := range role.All() {
				m["requirement "+q.ID+", "+string(in)] = string(q.Roles[in])
			}
		}
		return m
	}
	profiles := func(r result.Result) map[string]string {
		m := map[string]string{}
		for _, p := range r.Profiles {
			m["exit code of profile "+p.Name] = fmt.Sprint(p.Exit)
		}
		return m
	}
	for _, of := range []func(result.Result) map[string]string{profiles, cases, requirements} {
		lines = append(lines, unequal(of(a), of(b))...)
	}
	return lines
}

// said is what a case says about the implementation.
func said(c result.Case) string {
	words := []string{string(c.Verdict)}
	if v := c.Verdict; v != verdict.Pass && v != verdict.NotApplicable && c.Requirement != "" {
		words = append(words, c.Requirement)
	}
	return strings.Join(words, " ")
}

// unequal compares two maps; what is absent in one is named so.
func unequal(a, b map[string]string) []string {
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var lines []string
	for _, name := range names {
		x, inA := a[name]
		y, inB := b[name]
		if !inA {
			x = "absent"
		}
		if !inB {
			y = "absent"
		}
		if x != y {
			lines = append(lines, fmt.Sprintf("%s: %s, %s", name, word(x), word(y)))
		}
	}
	return lines
}

func word(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
