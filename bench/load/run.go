package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// report is what a run prints: times are milliseconds, and Codes counts answers by their gRPC code (0 is a token).
type report struct {
	Exchanges int            `json:"exchanges"`
	Seconds   float64        `json:"seconds"`
	PerSecond float64        `json:"perSecond"`
	P50       float64        `json:"p50"`
	P99       float64        `json:"p99"`
	P999      float64        `json:"p999"`
	Codes     map[string]int `json:"codes"`
	Times     []float64      `json:"times,omitempty"` // of each exchange, in their order: only with -each
}

type runOptions struct {
	protocol, address string
	tokens            []string
	targets           []target
	inFlight          int
	connections       int
	warmUp, measured  time.Duration
	requests          int
	each              bool
}

// run keeps inFlight requests going: first to warm up, then for the time that is measured. It prints a line "begin" and a
// line "end" around that time, for whoever reads the server's CPU clock, and then the report.
func run(args []string) error {
	options, err := readRunOptions(args)
	if err != nil {
		return err
	}
	ask, closeAll, err := dial(options.protocol, options.address, dialOptions{options.connections, options.each})
	if err != nil {
		return err
	}
	defer closeAll()
	if options.each {
		return printReport(oneByOne(options, ask))
	}
	if options.requests > 0 {
		return printReport(burst(options, ask))
	}

	var phase atomic.Int32 // 0: warming up, 1: measured, 2: over
	var next atomic.Uint64
	results := make([]result, options.inFlight)
	var workers sync.WaitGroup
	for index := range results {
		workers.Go(func() {
			for {
				n := int(next.Add(1) - 1)
				begin := time.Now()
				code := ask(options.tokens[n%len(options.tokens)], options.targets[n%len(options.targets)])
				switch phase.Load() {
				case 1:
					results[index].add(code, time.Since(begin))
				case 2:
					return
				}
			}
		})
	}
	time.Sleep(options.warmUp)
	fmt.Println("begin")
	began := time.Now()
	phase.Store(1)
	time.Sleep(options.measured)
	phase.Store(2)
	took := time.Since(began)
	fmt.Println("end")
	workers.Wait()
	return printReport(summary(results, took))
}

// burst makes a fixed number of requests, up to inFlight of them at once.
func burst(options runOptions, ask asker) report {
	r, _ := burstWithResults(options, ask)
	return r
}

func burstWithResults(options runOptions, ask asker) (report, []result) {
	var next atomic.Int64
	results := make([]result, options.inFlight)
	var workers sync.WaitGroup
	began := time.Now()
	for index := range results {
		workers.Go(func() {
			for {
				n := int(next.Add(1) - 1)
				if n >= options.requests {
					return
				}
				begin := time.Now()
				code := ask(options.tokens[n%len(options.tokens)], options.targets[n%len(options.targets)])
				results[index].add(code, time.Since(begin))
			}
		})
	}
	workers.Wait()
	return summary(results, time.Since(began)), results
}

// oneByOne makes a fixed number of requests, each after the answer of the one before, and reports every time it took.
func oneByOne(options runOptions, ask asker) report {
	options.inFlight = 1
	r, results := burstWithResults(options, ask)
	for _, took := range results[0].times {
		r.Times = append(r.Times, milliseconds(took))
	}
	return r
}

// result is what one worker saw.
type result struct {
	times []time.Duration
	codes map[int]int
}

func (r *result) add(code int, took time.Duration) {
	if r.codes == nil {
		r.codes = map[int]int{}
	}
	r.times = append(r.times, took)
	r.codes[code]++
}

func summary(results []result, took time.Duration) report {
	var times []time.Duration
	codes := map[string]int{}
	for _, result := range results {
		times = append(times, result.times...)
		for code, count := range result.codes {
			codes[fmt.Sprint(code)] += count
		}
	}
	slices.Sort(times)
	quantile := func(q float64) float64 {
		if len(times) == 0 {
			return 0
		}
		return milliseconds(times[min(int(q*float64(len(times))), len(times)-1)])
	}
	return report{
		Exchanges: len(times), Seconds: took.Seconds(), PerSecond: float64(len(times)) / took.Seconds(),
		P50: quantile(0.50), P99: quantile(0.99), P999: quantile(0.999), Codes: codes,
	}
}

func milliseconds(duration time.Duration) float64 {
	return float64(duration) / float64(time.Millisecond)
}

func printReport(r report) error {
	return json.NewEncoder(os.Stdout).Encode(r)
}

func readRunOptions(args []string) (runOptions, error) {
	flags := flag.NewFlagSet("load run", flag.ContinueOnError)
	protocol := flags.String("protocol", "grpc", "grpc or http")
	address := flags.String("address", "", "host:port of the server")
	tokens := flags.String("tokens", "", "file with a subject token a line")
	targets := flags.String("targets", "", "file with a scope and an identity a line, with a space between")
	inFlight := flags.Int("in-flight", 64, "requests at once")
	connections := flags.Int("connections", 8, "gRPC connections that they are spread over")
	warmUp := flags.Float64("warm-up", 10, "seconds before the measurement")
	seconds := flags.Float64("seconds", 10, "seconds that are measured")
	requests := flags.Int("requests", 0, "make so many, without warming up, instead of measuring for some time")
	each := flags.Bool("each", false, "with -requests: one after the other, on connections that are open, and report each one's time")
	if err := flags.Parse(args); err != nil {
		return runOptions{}, err
	}
	options := runOptions{
		protocol: *protocol, address: *address, inFlight: *inFlight, connections: *connections, requests: *requests, each: *each,
		warmUp: seconds2duration(*warmUp), measured: seconds2duration(*seconds),
	}
	tokenLines, err := readLines(*tokens)
	if err != nil {
		return options, err
	}
	options.tokens = tokenLines
	targetLines, err := readLines(*targets)
	if err != nil {
		return options, err
	}
	for _, line := range targetLines {
		scope, identity, found := strings.Cut(line, " ")
		if !found {
			return options, fmt.Errorf("%s: %q is no scope and identity", *targets, line)
		}
		options.targets = append(options.targets, target{scope, identity})
	}
	return options, nil
}

func seconds2duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}

func readLines(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var lines []string
	scanner := bufio.NewScanner(file)
	scanner.Buffer(make([]byte, 64*1024), 64*1024)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return lines, nil
}
