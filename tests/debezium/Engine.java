import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.BufferedWriter;
import java.io.FileWriter;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;

/**
 * Writes what the Debezium engine makes of a slot: topic, key and value of each message with tabs between, one message on a line.
 * It ends behind a logical message with the prefix "end".
 *
 * java -cp … Engine FILE NAME=VALUE…, where the names are the engine's own.
 */
public final class Engine {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("name", "oracle");
        properties.setProperty("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
        properties.setProperty("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
        properties.setProperty("plugin.name", "pgoutput");
        properties.setProperty("snapshot.mode", "no_data");
        for (int i = 1; i < arguments.length; i++) {
            String[] pair = arguments[i].split("=", 2);
            properties.setProperty(pair[0], pair[1]);
        }
        CountDownLatch done = new CountDownLatch(1);
        try (BufferedWriter out = new BufferedWriter(new FileWriter(arguments[0]))) {
            DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class)
                    .using(properties)
                    .notifying((List<ChangeEvent<String, String>> events,
                            DebeziumEngine.RecordCommitter<ChangeEvent<String, String>> committer) -> {
                        for (ChangeEvent<String, String> event : events) {
                            try {
                                out.write(event.destination() + "\t" + event.key() + "\t" + event.value() + "\n");
                            } catch (java.io.IOException e) {
                                throw new RuntimeException(e);
                            }
                            committer.markProcessed(event);
                            if (event.key() != null && event.key().contains("\"prefix\":\"end\"")) {
                                done.countDown();
                            }
                        }
                        committer.markBatchFinished();
                    })
                    .using((success, message, error) -> {
                        if (!success) {
                            System.err.println(message);
                        }
                        done.countDown();
                    })
                    .build();
            Thread thread = new Thread(engine);
            thread.start();
            done.await();
            engine.close();
            thread.join(20000);
        }
        System.exit(0);
    }
}
