// Reads and writes every type that clickhouse-go knows, with each of its compressions, over HTTP.
package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
)

var compressions = []clickhouse.CompressionMethod{
	clickhouse.CompressionNone, clickhouse.CompressionGZIP, clickhouse.CompressionDeflate,
	clickhouse.CompressionBrotli, clickhouse.CompressionLZ4, clickhouse.CompressionZSTD,
}

// Of which the engine makes random values.
var types = []string{
	"Float32", "Float64", "Int8", "Int16", "Int32", "Int64", "Int128", "Int256", "UInt8",
	"UInt16", "UInt32", "UInt64", "UInt128", "UInt256", "Bool", "UUID", "IPv4", "IPv6", "String",
	"FixedString(7)", "Date", "Date32", "DateTime", "DateTime('Asia/Tokyo')", "DateTime64(3)",
	"DateTime64(9, 'America/New_York')", "Decimal(9, 2)", "Decimal(18, 6)", "Decimal(38, 10)",
	"Decimal(76, 20)", "Enum8('a' = 1, 'ы' = -2)", "Enum16('ы' = 300, 'b' = -300)",
	"LowCardinality(String)", "LowCardinality(Nullable(String))", "LowCardinality(UInt16)",
	"Nullable(Int32)", "Nullable(String)", "Nullable(DateTime64(6))", "Nullable(UUID)",
	"Array(UInt8)", "Array(Array(String))", "Array(Nullable(Float64))", "Array(LowCardinality(String))",
	"Map(String, UInt64)", "Map(LowCardinality(String), Array(Nullable(Int64)))",
	"Tuple(Int8, String)", "Tuple(a Int8, b Tuple(c String, d Array(UInt16)))", "Array(Tuple(a UInt8, b String))",
	"SimpleAggregateFunction(max, UInt64)", "Point", "Ring", "Polygon", "MultiPolygon", "LineString", "MultiLineString",
}

// Of which it does not.
var expressions = map[string]string{
	"Time":                          "CAST(toIntervalSecond(number * 3601) :: Int64 AS Time)",
	"Time64(3)":                     "CAST(number + 0.125 AS Time64(3))",
	"JSON":                          `CAST(concat('{"a": ', toString(number), ', "b": {"c": "x"}}') AS JSON)`,
	"Dynamic":                       "CAST(if(number % 2, number :: Dynamic, 'text' :: Dynamic) AS Dynamic)",
	"Variant(Array(UInt8), UInt64)": "CAST(if(number % 2, [1, 2] :: Variant(Array(UInt8), UInt64), number :: Variant(Array(UInt8), UInt64)) AS Variant(Array(UInt8), UInt64))",
	"BFloat16":                      "CAST(number / 4 AS BFloat16)",
	"Nested(a UInt8, b String)":     "[(1, 'x'), (number, 'y')]",
}

// Which no table can hold.
var shown = map[string]string{
	"toIntervalDay(3)": "3 Days", "toIntervalSecond(1)": "1 Second", "[]": "[]", "NULL": "<nil>",
}

func connect(t *testing.T, method clickhouse.CompressionMethod) driver.Conn {
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr:        []string{"127.0.0.1:" + os.Getenv("CLICKHOUSE_HTTP_PORT")},
		Protocol:    clickhouse.HTTP,
		Auth:        clickhouse.Auth{Database: "default", Username: "default"},
		Compression: &clickhouse.Compression{Method: method, Level: 3},
		Settings: clickhouse.Settings{
			"output_format_native_use_flattened_dynamic_and_json_serialization": 1,
			"allow_suspicious_low_cardinality_types":                            1, "flatten_nested": 0,
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func each(t *testing.T, test func(*testing.T, driver.Conn, string)) {
	for _, method := range compressions {
		t.Run(method.String(), func(t *testing.T) { test(t, connect(t, method), method.String()) })
	}
}

// Rows that the client reads and sends back are those that were there.
func TestEveryTypeBothWays(t *testing.T) {
	all := map[string]string{}
	for _, name := range types {
		all[name] = ""
	}
	for name, expression := range expressions {
		all[name] = expression
	}
	each(t, func(t *testing.T, conn driver.Conn, method string) {
		ctx := context.Background()
		for name, expression := range all {
			t.Run(name, func(t *testing.T) {
				source, target := "source_"+method, "target_"+method
				rows := "SELECT * FROM generateRandom('c " + strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), "'", `\'`) + "', 7, 9, 3) LIMIT 3000"
				if expression != "" {
					rows = "SELECT " + expression + " FROM numbers(1, 3000)"
				}
				for _, table := range []string{source, target} {
					require.NoError(t, conn.Exec(ctx, fmt.Sprintf("CREATE OR REPLACE TABLE %s (c %s) ENGINE = Memory", table, name)))
				}
				require.NoError(t, conn.Exec(ctx, "INSERT INTO "+source+" "+rows))
				answer, err := conn.Query(ctx, "SELECT c FROM "+source)
				require.NoError(t, err)
				batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+target)
				require.NoError(t, err)
				for answer.Next() {
					value := reflect.New(answer.ColumnTypes()[0].ScanType())
					require.NoError(t, answer.Scan(value.Interface()))
					require.NoError(t, batch.Append(value.Elem().Interface()))
				}
				require.NoError(t, answer.Err())
				require.NoError(t, batch.Send())
				var same bool
				sum := func(table string) string {
					return "(SELECT (count(), sum(cityHash64(toString(c)))) FROM " + table + ")"
				}
				require.NoError(t, conn.QueryRow(ctx, "SELECT "+sum(source)+" = "+sum(target)).Scan(&same))
				require.True(t, same)
			})
		}
	})
}

func TestTypesOfExpressions(t *testing.T) {
	each(t, func(t *testing.T, conn driver.Conn, method string) {
		for expression, wanted := range shown {
			answer, err := conn.Query(context.Background(), "SELECT "+expression)
			require.NoError(t, err, expression)
			require.True(t, answer.Next(), expression)
			value := reflect.New(answer.ColumnTypes()[0].ScanType())
			require.NoError(t, answer.Scan(value.Interface()), expression)
			require.Equal(t, wanted, fmt.Sprint(value.Elem().Interface()), expression)
			require.NoError(t, answer.Close())
		}
	})
}

func TestManyBlocksParametersAndExternalTables(t *testing.T) {
	each(t, func(t *testing.T, conn driver.Conn, method string) {
		ctx := clickhouse.Context(context.Background(), clickhouse.WithParameters(clickhouse.Parameters{"s": "it's ы", "n": "2000000"}))
		answer, err := conn.Query(ctx, "SELECT number, {s:String} FROM numbers({n:UInt64})")
		require.NoError(t, err)
		var count, sum uint64
		for answer.Next() {
			var number uint64
			var text string
			require.NoError(t, answer.Scan(&number, &text))
			require.Equal(t, "it's ы", text)
			count, sum = count+1, sum+number
		}
		require.NoError(t, answer.Err())
		require.Equal(t, []uint64{2000000, 1999999000000}, []uint64{count, sum})

		table, err := ext.NewTable("people", ext.Column("id", "UInt8"), ext.Column("name", "String"))
		require.NoError(t, err)
		require.NoError(t, table.Append(uint8(1), "ы"))
		require.NoError(t, table.Append(uint8(2), "x"))
		var names []string
		ctx = clickhouse.Context(context.Background(), clickhouse.WithExternalTable(table))
		row := conn.QueryRow(ctx, "SELECT groupArray(name) FROM (SELECT * FROM people ORDER BY id)")
		require.NoError(t, row.Scan(&names))
		require.Equal(t, []string{"ы", "x"}, names)
	})
}

func TestErrorsBeforeAndAfterRows(t *testing.T) {
	each(t, func(t *testing.T, conn driver.Conn, method string) {
		ctx := context.Background()
		var failure *clickhouse.Exception
		require.ErrorAs(t, conn.Exec(ctx, "SELECT * FROM nope"), &failure)
		require.EqualValues(t, 60, failure.Code)
		_, err := conn.Query(ctx, "SELEC 1")
		require.ErrorAs(t, err, &failure)
		require.EqualValues(t, 62, failure.Code)
		answer, err := conn.Query(ctx, "SELECT throwIf(number = 3000000, 'late') FROM numbers(5000000)")
		require.NoError(t, err)
		for answer.Next() {
		}
		require.ErrorAs(t, answer.Err(), &failure)
		require.EqualValues(t, 395, failure.Code)
		require.NoError(t, conn.Ping(ctx))
	})
}

func TestACancelledContextEndsTheQuery(t *testing.T) {
	each(t, func(t *testing.T, conn driver.Conn, method string) {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		settings := clickhouse.Settings{"cancel_http_readonly_queries_on_client_close": 1}
		ctx = clickhouse.Context(ctx, clickhouse.WithQueryID("to-cancel-"+method), clickhouse.WithSettings(settings))
		started := time.Now()
		err := conn.QueryRow(ctx, "SELECT sum(sleepEachRow(0.1)) FROM numbers(300) SETTINGS max_block_size = 1").Err()
		require.True(t, errors.Is(err, context.DeadlineExceeded), err)
		require.Less(t, time.Since(started), 5*time.Second)
		require.Eventually(t, func() bool {
			var running uint64
			row := conn.QueryRow(context.Background(), "SELECT count() FROM system.processes WHERE query_id LIKE 'to-cancel-%'")
			return row.Scan(&running) == nil && running == 0
		}, 10*time.Second, 100*time.Millisecond)
	})
}
