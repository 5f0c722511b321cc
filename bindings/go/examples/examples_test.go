// Package examples_test runs the examples as a user would, and looks at what they print.
package examples_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

const patience = 60 * time.Second

var conninfo = os.Getenv("PGWALSTREAM_TEST_CONNINFO")

// folder has the built examples.
var folder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if conninfo == "" {
			fmt.Println("PGWALSTREAM_TEST_CONNINFO is not set: run this with tests/c/with-server.sh 18 -- go test -count=1 ./...")
			return 1
		}
		var err error
		if folder, err = os.MkdirTemp("", "examples"); err != nil {
			fmt.Println(err)
			return 1
		}
		defer os.RemoveAll(folder)
		build := exec.Command("go", "build", "-o", folder, "./tail", "./fanout", "./outbox")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

func sql(t *testing.T, conninfo, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := wal.Connect(ctx, wal.Options{Conninfo: conninfo})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Query(ctx, text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// A program that runs, and what it has printed.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	lock sync.Mutex
	out  bytes.Buffer
}

func (p *program) Write(b []byte) (int, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.out.Write(b)
}

func (p *program) text() string {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.out.String()
}

func start(t *testing.T, name string, arguments ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(filepath.Join(folder, name), arguments...)}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// prints waits until the program has printed so many lines, and gives all.
func (p *program) prints(lines int) string {
	p.t.Helper()
	for end := time.Now().Add(patience); strings.Count(p.text(), "\n") < lines; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("no %d lines: %s", lines, p.text())
		}
	}
	return p.text()
}

// ends sends SIGTERM, and gives all that was printed.
func (p *program) ends() string {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%v: %s", err, p.text())
	}
	return p.text()
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("printed\n%s\nnot\n%s", got, want)
	}
}

func TestTail(t *testing.T) {
	sql(t, conninfo, `CREATE TABLE ex_tail (id int PRIMARY KEY, v text, big text); ALTER TABLE ex_tail ALTER big SET STORAGE EXTERNAL; CREATE PUBLICATION ex_tail FOR TABLE ex_tail`)
	sql(t, conninfo, "SELECT pg_create_logical_replication_slot('ex_tail', 'pgoutput')")
	sql(t, conninfo, `BEGIN; INSERT INTO ex_tail VALUES (1, 'one "quoted"', repeat('x', 5000)), (2, NULL, NULL); UPDATE ex_tail SET v = 'eins' WHERE id = 1;
		UPDATE ex_tail SET id = 3 WHERE id = 2; DELETE FROM ex_tail WHERE id = 3; COMMIT; BEGIN; SELECT pg_logical_emit_message(true, 'p', 'c'); TRUNCATE ex_tail; COMMIT`)
	want := fmt.Sprintf(`BEGIN
INSERT public.ex_tail id="1" v="one \"quoted\"" big="%s"
INSERT public.ex_tail id="2" v=<null> big=<null>
UPDATE public.ex_tail id="1" v="eins" big=<unchanged>
UPDATE public.ex_tail old id="2" id="3" v=<null> big=<null>
DELETE public.ex_tail old id="3"
COMMIT
BEGIN
MESSAGE p "c"
TRUNCATE [public.ex_tail]
COMMIT
`, strings.Repeat("x", 5000))
	p := start(t, "tail", conninfo, "ex_tail", "ex_tail", "messages=on")
	p.prints(strings.Count(want, "\n"))
	same(t, p.ends(), want)
	// Everything was acknowledged.
	sql(t, conninfo, "INSERT INTO ex_tail VALUES (9)")
	p = start(t, "tail", conninfo, "ex_tail", "ex_tail")
	p.prints(3)
	same(t, p.ends(), "BEGIN\nINSERT public.ex_tail id=\"9\" v=<null> big=<null>\nCOMMIT\n")
	if out, err := exec.Command(filepath.Join(folder, "tail"), conninfo, "ex_none", "ex_tail").CombinedOutput(); err == nil || !strings.Contains(string(out), "hint: ") {
		t.Errorf("%v %s", err, out)
	}
}

func TestFanout(t *testing.T) {
	sql(t, conninfo, "CREATE DATABASE ex_second")
	second := strings.Replace(conninfo, "dbname=postgres", "dbname=ex_second", 1)
	for i, database := range []string{conninfo, second} {
		sql(t, database, "CREATE TABLE ex_fanout (id int PRIMARY KEY); CREATE PUBLICATION ex_fanout FOR TABLE ex_fanout")
		// A slot's name is one of the whole server.
		sql(t, database, fmt.Sprintf("SELECT pg_create_logical_replication_slot('ex_fanout_%d', 'pgoutput')", i+1))
		sql(t, database, fmt.Sprintf("INSERT INTO ex_fanout SELECT generate_series(%d, %d)", 100*i+1, 100*i+50))
	}
	run := func() *program { return start(t, "fanout", "ex_fanout_1,ex_fanout_2", "ex_fanout", conninfo, second) }
	p := run()
	p.prints(100)
	lines := strings.Split(strings.TrimSpace(p.ends()), "\n")
	var want [2][]string
	for i := range want {
		for id := range 50 {
			want[i] = append(want[i], fmt.Sprintf("db%d: %d", i+1, 100*i+id+1))
		}
		got := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.HasPrefix(line, fmt.Sprintf("db%d: ", i+1)) })
		if !slices.Equal(got, want[i]) {
			t.Errorf("database %d: %q", i+1, got)
		}
	}
	if lines[len(lines)-1] != "done" {
		t.Errorf("%q", lines[len(lines)-1])
	}
	// What was consumed does not come again.
	sql(t, second, "INSERT INTO ex_fanout VALUES (999)")
	p = run()
	p.prints(1)
	same(t, p.ends(), "db2: 999\ndone\n")
}

func TestOutbox(t *testing.T) {
	sql(t, conninfo, "CREATE TABLE ex_outbox (id bigserial PRIMARY KEY, topic text NOT NULL, payload jsonb NOT NULL); CREATE PUBLICATION ex_outbox FOR TABLE ex_outbox WITH (publish = 'insert')")
	sql(t, conninfo, "SELECT pg_create_logical_replication_slot('ex_outbox', 'pgoutput')")
	var lock sync.Mutex
	var posted []string
	refused := false
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		lock.Lock()
		defer lock.Unlock()
		if r.Header.Get("Idempotency-Key") == "2" && !refused {
			refused = true
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		posted = append(posted, r.URL.Path+" "+r.Header.Get("Idempotency-Key")+" "+string(body))
	}))
	defer endpoint.Close()
	sql(t, conninfo, `INSERT INTO ex_outbox (topic, payload) VALUES ('orders', '{"n": 1}'), ('orders', '{"n": 2}')`)
	sql(t, conninfo, `BEGIN; INSERT INTO ex_outbox (topic, payload) VALUES ('never', '{}'); ROLLBACK`)
	sql(t, conninfo, `INSERT INTO ex_outbox (topic, payload) VALUES ('bills', '{"n": 4}')`)
	p := start(t, "outbox", conninfo, "ex_outbox", "ex_outbox", endpoint.URL)
	p.prints(4)
	same(t, p.ends(), "posted 1 to orders\nnot posted 2: the endpoint says 503 Service Unavailable\nposted 2 to orders\nposted 4 to bills\n")
	lock.Lock()
	want := []string{`/orders 1 {"n": 1}`, `/orders 2 {"n": 2}`, `/bills 4 {"n": 4}`}
	if !slices.Equal(posted, want) {
		t.Errorf("%q", posted)
	}
	lock.Unlock()
	sql(t, conninfo, `INSERT INTO ex_outbox (topic, payload) VALUES ('bills', '{"n": 5}')`)
	p = start(t, "outbox", conninfo, "ex_outbox", "ex_outbox", endpoint.URL)
	p.prints(1)
	same(t, p.ends(), "posted 5 to bills\n")
}
