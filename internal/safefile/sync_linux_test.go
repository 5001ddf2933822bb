package safefile

import "testing"

// /proc stands for file systems that cannot write a folder to disk by itself, as some of FUSE and CIFS.
func TestAFolderThatCannotBeSyncedIsNoFailure(t *testing.T) {
	d, err := OpenFolder("/proc")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.dir.Sync() == nil {
		t.Fatal("/proc can be synced: this test proves nothing")
	}
	if err := d.sync(); err != nil {
		t.Error(err)
	}
	d.Close()
	if d.sync() == nil {
		t.Error("a closed folder is synced")
	}
}
