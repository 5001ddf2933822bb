//go:build covered

package main

import "github.com/understudy-conformance/understudy/cmd/internal/covered"

func init() { covered.Restore() }
