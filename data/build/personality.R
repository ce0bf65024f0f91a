# Writes the raw data sets of psychTools as CSV. Usage: Rscript personality.R FOLDER
folder <- commandArgs(trailingOnly = TRUE)[1]
if (!requireNamespace("psychTools", quietly = TRUE)) quit(status = 3)
write_raw <- function(frame, name) {
  write.csv(frame, file.path(folder, name), row.names = FALSE, na = "", fileEncoding = "UTF-8")
}
write_raw(psychTools::spi, "spi.csv")
write_raw(psychTools::spi.dictionary, "dictionary.csv")
write_raw(stack(psychTools::spi.keys), "keys.csv")
