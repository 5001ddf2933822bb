package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestAServiceSaysThatItIsReadyAndTellsNoTaskWhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	for name, path := range map[string]string{"in a folder": path, "abstract": "@understudy-" + filepath.Base(t.TempDir())} {
		listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		t.Setenv("NOTIFY_SOCKET", path)
		ready := notifier()
		if _, set := os.LookupEnv("NOTIFY_SOCKET"); set {
			t.Errorf("%s: the variable is there still", name)
		}
		if err := ready(); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 64)
		n, err := listener.Read(text)
		if got := string(text[:n]); err != nil || got != "READY=1" {
			t.Errorf("%s: it said %q, %v", name, got, err)
		}
	}
}

func TestWhoeverWantsToHearNothingIsToldNothing(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notifier()(); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "absent"))
	if err := notifier()(); err == nil {
		t.Error("nobody listens, and that is no error")
	}
}
